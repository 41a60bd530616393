// SPDX-License-Identifier: PostgreSQL
#include "common/decode/scan.hpp"

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace ardent::decode {

namespace {

constexpr std::uint64_t k_ones = 0x0101010101010101U;
constexpr std::uint64_t k_highs = 0x8080808080808080U;

/// The high bit of each byte that is zero, exact up to the first such byte.
constexpr std::uint64_t zeros(std::uint64_t word) noexcept {
    return (word - k_ones) & ~word & k_highs;
}

/// The same for bytes that end a string or need a closer look: '"', '\\', below U+0020.
constexpr std::uint64_t specials(std::uint64_t word) noexcept {
    const std::uint64_t control = (word - k_ones * 0x20U) & ~word & k_highs;
    return zeros(word ^ (k_ones * 0x22U)) | zeros(word ^ (k_ones * 0x5CU)) | control;
}

bool is_number_part(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

class Scanner {
public:
    Scanner(std::string_view message, bool ascii, model::Change& change) noexcept
        : m_next(message.data()),
          m_end(message.data() + message.size()),
          m_ascii(ascii),
          m_change(change) {}

    bool message() {
        if (!literal(R"({"action":")") || m_next == m_end) {
            return false;
        }
        const char letter = *m_next++;
        if (std::strchr("BCIUDTM", letter) == nullptr || letter == '\0' || !literal("\"")) {
            return false;
        }
        m_change.action = static_cast<model::Action>(letter);
        while (literal(",\"")) {
            std::string_view key;
            if (!rest_of_string(key) || !literal(":") || !field(key)) {
                return false;
            }
        }
        return literal("}") && m_next == m_end && complete();
    }

private:
    bool literal(std::string_view text) noexcept {
        const bool same = static_cast<std::size_t>(m_end - m_next) >= text.size() &&
                          std::memcmp(m_next, text.data(), text.size()) == 0;
        m_next += same ? text.size() : 0;
        return same;
    }

    /// Up to the closing quote; false at an escape.
    bool rest_of_string(std::string_view& text) noexcept {
        const char* const begin = m_next;
        const char* place = m_next;
        std::uint64_t seen = 0;
        if constexpr (std::endian::native == std::endian::little) {
            while (m_end - place >= 8) {
                std::uint64_t word = 0;
                std::memcpy(&word, place, sizeof word);
                const std::uint64_t found = specials(word);
                if (found != 0) {
                    const int bytes = std::countr_zero(found) / 8;
                    seen |= word & ((std::uint64_t{1} << (8 * bytes)) - 1);
                    return end_string(begin, place + bytes, seen, text);
                }
                seen |= word;
                place += 8;
            }
        }
        for (; place != m_end; ++place) {
            const auto byte = static_cast<unsigned char>(*place);
            if (byte == '"' || byte == '\\' || byte < 0x20) {
                return end_string(begin, place, seen, text);
            }
            seen |= byte;
        }
        return false;
    }

    bool end_string(const char* begin, const char* end, std::uint64_t seen,
                    std::string_view& text) noexcept {
        if (*end != '"' || (m_ascii && (seen & k_highs) != 0)) {
            return false;
        }
        text = {begin, static_cast<std::size_t>(end - begin)};
        m_next = end + 1;
        return true;
    }

    bool string(std::string_view& text) noexcept { return literal("\"") && rest_of_string(text); }

    bool value(model::ColumnValue& column) noexcept {
        if (m_next == m_end) {
            return false;
        }
        switch (*m_next) {
        case '"':
            column.kind = model::ValueKind::text;
            ++m_next;
            return rest_of_string(column.text);
        case 'n':
            column.kind = model::ValueKind::null;
            return literal("null");
        case 't':
        case 'f': {
            const char* const begin = m_next;
            column.kind = model::ValueKind::boolean;
            if (!literal("true") && !literal("false")) {
                return false;
            }
            column.text = {begin, static_cast<std::size_t>(m_next - begin)};
            return true;
        }
        default:
            return number(column);
        }
    }

    bool number(model::ColumnValue& column) noexcept {
        const char* const begin = m_next;
        while (m_next != m_end && is_number_part(*m_next)) {
            ++m_next;
        }
        column.kind = model::ValueKind::number;
        column.text = {begin, static_cast<std::size_t>(m_next - begin)};
        return m_next != begin;
    }

    bool columns(std::vector<model::ColumnValue>& list) {
        if (literal("[]")) {
            return true;
        }
        char before = '[';
        while (m_next != m_end && *m_next == before) {
            ++m_next;
            model::ColumnValue& column = list.emplace_back();
            if (!literal(R"({"name":")") || !rest_of_string(column.name) || column.name.empty() ||
                !literal(R"(,"value":)") || !value(column) || !literal("}")) {
                return false;
            }
            before = ',';
        }
        return before == ',' && literal("]");
    }

    bool lsn(model::Lsn& position) noexcept {
        std::string_view text;
        if (!string(text)) {
            return false;
        }
        const auto read = model::parse_lsn(text);
        position = read.value_or(model::Lsn{});
        return read.has_value();
    }

    bool field(std::string_view key) {
        if (key == "columns") {
            return columns(m_change.columns);
        }
        if (key == "identity") {
            return columns(m_change.identity);
        }
        if (key == "schema") {
            return string(m_change.schema);
        }
        if (key == "table") {
            return string(m_change.table);
        }
        if (key == "nextlsn") {
            return lsn(m_change.commit_end);
        }
        if (key == "timestamp") {
            return string(m_change.commit_timestamp);
        }
        if (key == "xid" || key == "lsn") {
            model::ColumnValue number;
            const bool read = value(number);
            if (read && key == "xid") {
                std::from_chars(number.text.data(), number.text.data() + number.text.size(),
                                m_change.xid);
            }
            return read;
        }
        return false;  // prefix, content, and what is not known
    }

    bool complete() const noexcept {
        switch (m_change.action) {
        case model::Action::begin:
        case model::Action::commit:
            return m_change.commit_end.valid();
        case model::Action::message:
            return false;
        default:
            return !m_change.schema.empty() && !m_change.table.empty();
        }
    }

    const char* m_next;
    const char* m_end;
    bool m_ascii;
    model::Change& m_change;
};

}  // namespace

bool scan(std::string_view message, bool ascii, model::Change& change) {
    return Scanner(message, ascii, change).message();
}

}  // namespace ardent::decode
