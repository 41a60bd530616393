// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/sql_text.hpp"

#include <algorithm>

namespace ardent::replay {

namespace {

bool starts_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool in_word(char c) noexcept {
    return starts_word(c) || is_digit(c) || c == '$';
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return result;
}

class Scanner {
public:
    Scanner(std::string_view text, bool standard_strings)
        : m_text(text), m_standard(standard_strings) {}

    std::vector<Token> run() {
        while (m_at < m_text.size()) {
            if (!blank()) {
                token();
            }
        }
        return std::move(m_tokens);
    }

private:
    char at(std::size_t place) const noexcept {
        return place < m_text.size() ? m_text[place] : '\0';
    }

    bool blank() {
        const char c = at(m_at);
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            ++m_at;
            return true;
        }
        if (c == '-' && at(m_at + 1) == '-') {
            m_at = std::min(m_text.find('\n', m_at), m_text.size());
            return true;
        }
        if (c == '/' && at(m_at + 1) == '*') {
            comment();
            return true;
        }
        return false;
    }

    void comment() {
        int depth = 0;
        do {
            if (at(m_at) == '/' && at(m_at + 1) == '*') {
                ++depth;
                m_at += 2;
            } else if (at(m_at) == '*' && at(m_at + 1) == '/') {
                --depth;
                m_at += 2;
            } else {
                ++m_at;
            }
        } while (depth > 0 && m_at < m_text.size());
    }

    void token() {
        const char c = at(m_at);
        if (starts_word(c)) {
            word();
        } else if (c == '"') {
            quoted();
        } else if (c == '\'') {
            string(m_standard, m_at);
        } else if (c == '$' && dollar_quoted()) {
            return;
        } else if (is_digit(c)) {
            number();
        } else {
            if (c == ')') {
                --m_depth;
            }
            add(TokenKind::symbol, std::string(1, c), m_at, m_at + 1);
            if (c == '(') {
                ++m_depth;
            }
        }
    }

    void add(TokenKind kind, std::string text, std::size_t begin, std::size_t end) {
        m_tokens.push_back({kind, std::move(text), begin, end, m_depth});
        m_at = end;
    }

    void word() {
        std::size_t end = m_at;
        while (in_word(at(end)) && end < m_text.size()) {
            ++end;
        }
        const std::string text = lower(m_text.substr(m_at, end - m_at));
        if (text == "e" && at(end) == '\'') {
            const std::size_t begin = m_at;
            m_at = end;
            string(false, begin);
            return;
        }
        add(TokenKind::word, text, m_at, end);
    }

    void number() {
        std::size_t end = m_at;
        while (end < m_text.size() && (is_digit(m_text[end]) || m_text[end] == '.')) {
            ++end;
        }
        add(TokenKind::number, std::string(m_text.substr(m_at, end - m_at)), m_at, end);
    }

    void quoted() {
        std::string name;
        std::size_t end = m_at + 1;
        while (end < m_text.size()) {
            if (m_text[end] == '"') {
                if (at(end + 1) != '"') {
                    break;
                }
                ++end;
            }
            name += m_text[end++];
        }
        add(TokenKind::quoted, std::move(name), m_at, std::min(end + 1, m_text.size()));
    }

    void string(bool standard, std::size_t begin) {
        std::size_t end = m_at + 1;
        while (end < m_text.size()) {
            if (m_text[end] == '\'' && at(end + 1) != '\'') {
                break;
            }
            end += m_text[end] == '\'' || (m_text[end] == '\\' && !standard) ? 2 : 1;
        }
        end = std::min(end + 1, m_text.size());
        add(TokenKind::string, std::string(m_text.substr(begin, end - begin)), begin, end);
    }

    bool dollar_quoted() {
        std::size_t tag = m_at + 1;
        while (tag < m_text.size() && in_word(m_text[tag]) && m_text[tag] != '$') {
            ++tag;
        }
        if (at(tag) != '$' || is_digit(at(m_at + 1))) {
            return false;
        }
        const std::string_view mark = m_text.substr(m_at, tag + 1 - m_at);
        const std::size_t found = m_text.find(mark, tag + 1);
        const std::size_t end =
            found == std::string_view::npos ? m_text.size() : found + mark.size();
        add(TokenKind::string, std::string(m_text.substr(m_at, end - m_at)), m_at, end);
        return true;
    }

    std::string_view m_text;
    bool m_standard;
    std::size_t m_at = 0;
    int m_depth = 0;
    std::vector<Token> m_tokens;
};

// The places of TABLESPACE name, with what belongs to it before.
std::optional<std::pair<std::size_t, std::size_t>> find_tablespace(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (!tokens[i].is("tablespace") || !tokens[i + 1].name()) {
            continue;
        }
        const auto before = [&](std::size_t back, std::string_view word) {
            return i >= back && tokens[i - back].is(word);
        };
        if (before(1, "index") && before(2, "using")) {
            return std::pair(i - 2, i + 2);
        }
        if (before(1, "set")) {
            return std::pair(i - 1, i + 2);
        }
        if (tokens[i].depth == 0) {
            return std::pair(i, i + 2);
        }
    }
    return std::nullopt;
}

}  // namespace

SqlText::SqlText(std::string text, bool standard_strings)
    : m_text(std::move(text)), m_tokens(Scanner(m_text, standard_strings).run()) {}

std::optional<std::size_t> SqlText::find(std::initializer_list<std::string_view> words) const {
    for (std::size_t i = 0; i + words.size() <= m_tokens.size(); ++i) {
        std::size_t place = i;
        const bool all = std::all_of(words.begin(), words.end(), [&](std::string_view word) {
            const Token& token = m_tokens[place++];
            return token.is(word) && token.depth == 0;
        });
        if (all) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<std::string> SqlText::name_after(
    std::initializer_list<std::string_view> words) const {
    const auto found = find(words);
    const std::size_t place = found.value_or(0) + words.size();
    if (!found || place >= m_tokens.size() || !m_tokens[place].name()) {
        return std::nullopt;
    }
    return m_tokens[place].text;
}

std::string SqlText::without(std::size_t first, std::size_t last) const {
    const std::size_t end = last < m_tokens.size() ? m_tokens[last].begin : m_text.size();
    return m_text.substr(0, m_tokens[first].begin) + m_text.substr(end);
}

std::vector<std::string> SqlText::called() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i + 1 < m_tokens.size(); ++i) {
        if (m_tokens[i].name() && m_tokens[i + 1].symbol('(')) {
            names.push_back(m_tokens[i].text);
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::string without_concurrently(const SqlText& sql) {
    const auto place = sql.find({"concurrently"});
    return place ? sql.without(*place, *place + 1) : sql.text();
}

std::optional<std::string> without_tablespace(const SqlText& sql) {
    const auto found = find_tablespace(sql);
    if (!found) {
        return std::nullopt;
    }
    auto [first, last] = *found;
    const std::vector<Token>& tokens = sql.tokens();
    if (tokens[first].is("set")) {  // a sub-command of ALTER, and its comma
        if (last < tokens.size() && tokens[last].symbol(',')) {
            ++last;
        } else if (tokens[first - 1].symbol(',')) {
            --first;
        } else {
            return std::nullopt;
        }
    }
    return sql.without(first, last);
}

std::string storage_clause(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size() && !(tokens[i].depth == 0 && tokens[i].is("as"));
         ++i) {
        if (tokens[i].depth != 0 || !tokens[i].is("with") || !tokens[i + 1].symbol('(')) {
            continue;
        }
        for (std::size_t end = i + 2; end < tokens.size(); ++end) {
            if (tokens[end].depth == 0 && tokens[end].symbol(')')) {
                return sql.text().substr(tokens[i].begin, tokens[end].end - tokens[i].begin);
            }
        }
    }
    return {};
}

std::optional<ExtensionWords> read_extension(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    if (tokens.size() < 3 || !tokens[1].is("extension")) {
        return std::nullopt;
    }
    std::size_t place = 2;
    while (place < tokens.size() &&
           (tokens[place].is("if") || tokens[place].is("not") || tokens[place].is("exists"))) {
        ++place;
    }
    if (place >= tokens.size() || !tokens[place].name()) {
        return std::nullopt;
    }
    ExtensionWords words;
    words.name = tokens[place].text;
    for (std::size_t i = place + 1; i + 1 < tokens.size(); ++i) {
        const Token& next = tokens[i + 1];
        std::string value = next.kind == TokenKind::string && next.text.size() >= 2
                                ? next.text.substr(1, next.text.size() - 2)
                                : next.text;
        if (tokens[i].is("schema")) {
            words.schema = std::move(value);
        } else if (tokens[i].is("version") || tokens[i].is("to")) {
            words.version = std::move(value);
        }
    }
    return words;
}

}  // namespace ardent::replay
