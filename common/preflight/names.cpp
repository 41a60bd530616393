// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/names.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/preflight.hpp"

#include <unordered_set>

namespace ardent::preflight {

namespace {

constexpr std::size_t k_longest_name = 63;
constexpr const char* k_bad_list = "22023";

bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

std::string doubled(std::string_view text, char quote) {
    std::string result(1, quote);
    for (const char c : text) {
        if (c == quote) {
            result += c;
        }
        result += c;
    }
    return result + quote;
}

std::string cut_name(std::string name) {
    if (name.size() <= k_longest_name) {
        return name;
    }
    std::size_t end = k_longest_name;
    if (base::is_utf8(name)) {
        while ((static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) {
            --end;
        }
    }
    name.resize(end);
    return name;
}

class ListReader {
public:
    explicit ListReader(std::string_view text) : m_text(text) {}

    std::optional<std::vector<std::string>> read() {
        std::vector<std::string> names;
        skip_space();
        if (at_end()) {
            return names;
        }
        for (;;) {
            std::optional<std::string> name = peek() == '"' ? quoted() : plain();
            if (!name || name->empty()) {
                return std::nullopt;
            }
            names.push_back(cut_name(std::move(*name)));
            skip_space();
            if (at_end()) {
                return names;
            }
            if (peek() != ',') {
                return std::nullopt;
            }
            ++m_at;
            skip_space();
        }
    }

private:
    bool at_end() const noexcept { return m_at >= m_text.size(); }
    char peek() const noexcept { return at_end() ? '\0' : m_text[m_at]; }

    void skip_space() {
        while (!at_end() && is_space(peek())) {
            ++m_at;
        }
    }

    std::optional<std::string> quoted() {
        std::string name;
        for (++m_at; !at_end(); ++m_at) {
            if (peek() == '"') {
                ++m_at;
                if (peek() != '"') {
                    return name;
                }
            }
            name += peek();
        }
        return std::nullopt;
    }

    std::optional<std::string> plain() {
        std::string name;
        for (; !at_end() && peek() != ',' && !is_space(peek()); ++m_at) {
            const char c = peek();
            name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        return name;
    }

    std::string_view m_text;
    std::size_t m_at = 0;
};

}  // namespace

std::string quote_identifier(std::string_view name) {
    return doubled(name, '"');
}

std::string quote_literal(std::string_view text) {
    std::string result = doubled(text, '\'');
    if (text.find('\\') == std::string_view::npos) {
        return result;
    }
    std::string escaped = " E";
    for (const char c : result) {
        if (c == '\\') {
            escaped += c;
        }
        escaped += c;
    }
    return escaped;
}

std::string array_text(const std::vector<std::string>& elements) {
    std::string result = "{";
    for (const std::string& element : elements) {
        if (result.size() > 1) {
            result += ',';
        }
        result += '"';
        for (const char c : element) {
            if (c == '"' || c == '\\') {
                result += '\\';
            }
            result += c;
        }
        result += '"';
    }
    return result + '}';
}

std::optional<std::vector<std::string>> split_identifiers(std::string_view text) {
    return ListReader(text).read();
}

std::string comment_text(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c == '\n' || c == '\r') {
            c = ' ';
        }
    }
    return result;
}

std::vector<std::string> parse_schema_list(std::string_view text) {
    constexpr const char* k_hint =
        "Give schema names separated by commas, for example 'public,billing'; put names with "
        "capital "
        "letters, spaces or commas in double quotes.";
    std::optional<std::vector<std::string>> names = split_identifiers(text);
    if (!names) {
        throw base::Error(base::ErrorKind::config, "the list of schemas cannot be read", k_hint,
                          k_bad_list);
    }
    if (names->empty()) {
        throw base::Error(base::ErrorKind::config, "the list of schemas is empty", k_hint,
                          k_bad_list);
    }
    std::unordered_set<std::string> seen;
    std::vector<std::string> unique;
    for (std::string& name : *names) {
        if (seen.insert(name).second) {
            unique.push_back(std::move(name));
        }
    }
    return unique;
}

}  // namespace ardent::preflight
