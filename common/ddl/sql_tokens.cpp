// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/sql_tokens.hpp"

#include <algorithm>

namespace ardent::ddl {

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

}  // namespace

bool is_blank(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return result;
}

SqlScanner::SqlScanner(std::string_view text, bool standard_strings)
    : m_text(text), m_standard(standard_strings) {}

char SqlScanner::at(std::size_t place) const noexcept {
    return place < m_text.size() ? m_text[place] : '\0';
}

std::size_t SqlScanner::skip_blank() {
    while (m_at < m_text.size()) {
        if (is_blank(m_text[m_at])) {
            ++m_at;
        } else if (at(m_at) == '-' && at(m_at + 1) == '-') {
            m_at = std::min(m_text.find('\n', m_at), m_text.size());
        } else if (at(m_at) == '/' && at(m_at + 1) == '*') {
            skip_comment();
        } else {
            break;
        }
    }
    return m_at;
}

void SqlScanner::skip_comment() {
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

std::optional<Token> SqlScanner::next() {
    if (skip_blank() >= m_text.size()) {
        return std::nullopt;
    }
    const char c = m_text[m_at];
    if (starts_word(c)) {
        return word();
    }
    if (c == '"') {
        return quoted(m_at);
    }
    if (c == '\'') {
        return string(m_at, m_standard);
    }
    if (is_digit(c)) {
        return number();
    }
    if (c == '$') {
        if (auto token = dollar_quoted()) {
            return token;
        }
    }
    return symbol();
}

Token SqlScanner::take(TokenKind kind, std::string text, std::size_t end) {
    Token token{kind, std::move(text), m_at, std::min(end, m_text.size()), m_depth};
    m_at = token.end;
    return token;
}

Token SqlScanner::word() {
    std::size_t end = m_at;
    while (end < m_text.size() && in_word(m_text[end])) {
        ++end;
    }
    std::string text = lower(m_text.substr(m_at, end - m_at));
    if (at(end) == '\'' && (text == "e" || text == "n" || text == "b" || text == "x")) {
        return string(end, text != "e" && m_standard);
    }
    if (text == "u" && at(end) == '&' && at(end + 1) == '\'') {
        return string(end + 1, true);
    }
    if (text == "u" && at(end) == '&' && at(end + 1) == '"') {
        return quoted(end + 1);
    }
    return take(TokenKind::word, std::move(text), end);
}

Token SqlScanner::number() {
    std::size_t end = m_at;
    while (is_digit(at(end)) || at(end) == '.') {
        ++end;
    }
    return take(TokenKind::number, std::string(m_text.substr(m_at, end - m_at)), end);
}

Token SqlScanner::quoted(std::size_t open) {
    std::string name;
    std::size_t end = open + 1;
    while (end < m_text.size()) {
        if (m_text[end] == '"') {
            if (at(end + 1) != '"') {
                break;
            }
            ++end;
        }
        name += m_text[end++];
    }
    return take(TokenKind::quoted, std::move(name), end + 1);
}

Token SqlScanner::string(std::size_t open, bool standard) {
    std::size_t end = end_of_string(open, standard);
    // 'one' and, behind a line feed, 'string': the second part has the escapes of the first
    for (std::size_t next = standard ? end : continuation(end); next != end;
         next = continuation(end)) {
        end = end_of_string(next, standard);
    }
    return take(TokenKind::string, std::string(m_text.substr(m_at, end - m_at)), end);
}

std::size_t SqlScanner::end_of_string(std::size_t open, bool standard) const {
    std::size_t end = open + 1;
    while (end < m_text.size()) {
        if (m_text[end] == '\'' && at(end + 1) != '\'') {
            break;
        }
        end += m_text[end] == '\'' || (m_text[end] == '\\' && !standard) ? 2 : 1;
    }
    return std::min(end + 1, m_text.size());
}

std::size_t SqlScanner::continuation(std::size_t end) const {
    bool line_feed = false;
    for (std::size_t place = end; place < m_text.size();) {
        if (is_blank(m_text[place])) {
            line_feed = line_feed || m_text[place] == '\n' || m_text[place] == '\r';
            ++place;
        } else if (at(place) == '-' && at(place + 1) == '-') {
            place = std::min(m_text.find('\n', place), m_text.size());
        } else {
            return line_feed && m_text[place] == '\'' ? place : end;
        }
    }
    return end;
}

std::optional<Token> SqlScanner::dollar_quoted() {
    std::size_t tag = m_at + 1;
    while (tag < m_text.size() && in_word(m_text[tag]) && m_text[tag] != '$') {
        ++tag;
    }
    if (at(tag) != '$' || is_digit(at(m_at + 1))) {
        return std::nullopt;
    }
    const std::string_view mark = m_text.substr(m_at, tag + 1 - m_at);
    const std::size_t close = m_text.find(mark, tag + 1);
    const std::size_t end = close == m_text.npos ? m_text.size() : close + mark.size();
    return take(TokenKind::string, std::string(m_text.substr(m_at, end - m_at)), end);
}

Token SqlScanner::symbol() {
    const char c = m_text[m_at];
    m_depth -= c == ')' ? 1 : 0;
    Token token = take(TokenKind::symbol, std::string(1, c), m_at + 1);
    m_depth += c == '(' ? 1 : 0;
    return token;
}

}  // namespace ardent::ddl
