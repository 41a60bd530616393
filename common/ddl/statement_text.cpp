// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/statement_text.hpp"

#include <algorithm>
#include <array>

namespace ardent::ddl {

namespace {

constexpr std::string_view k_mask = "'***'";

enum class TokenKind { word, string, sign };

struct Token {
    TokenKind kind = TokenKind::sign;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string word;  // of a word: folded unless it was quoted
    bool quoted = false;
};

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_word(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || byte > 0x7F;
}

char folded(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string folded(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) { return folded(c); });
    return result;
}

class Lexer {
public:
    Lexer(std::string_view text, bool backslashes) : m_text(text), m_backslashes(backslashes) {}

    std::size_t skip_space() {
        while (m_at < m_text.size()) {
            if (is_space(m_text[m_at])) {
                ++m_at;
            } else if (m_text.substr(m_at, 2) == "--") {
                m_at = std::min(m_text.find('\n', m_at), m_text.size());
            } else if (m_text.substr(m_at, 2) == "/*") {
                skip_comment();
            } else {
                break;
            }
        }
        return m_at;
    }

    std::optional<Token> next() {
        if (skip_space() == m_text.size()) {
            return std::nullopt;
        }
        Token token;
        token.begin = m_at;
        const char c = m_text[m_at];
        if (c == '\'') {
            quoted(token, TokenKind::string, '\'', m_backslashes);
        } else if (c == '"') {
            quoted(token, TokenKind::word, '"', false);
        } else if (c != '$' || !dollar_quoted(token)) {
            word_or_sign(token);
        }
        token.end = m_at;
        return token;
    }

private:
    void skip_comment() {
        std::size_t depth = 0;
        do {
            const std::string_view two = m_text.substr(m_at, 2);
            if (two == "/*") {
                ++depth;
                m_at += 2;
            } else if (two == "*/") {
                --depth;
                m_at += 2;
            } else {
                ++m_at;
            }
        } while (depth > 0 && m_at < m_text.size());
        m_at = std::min(m_at, m_text.size());
    }

    void quoted(Token& token, TokenKind kind, char quote, bool backslashes) {
        token.kind = kind;
        token.quoted = true;
        for (++m_at; m_at < m_text.size(); ++m_at) {
            if (backslashes && m_text[m_at] == '\\' && m_at + 1 < m_text.size()) {
                ++m_at;
            } else if (m_text[m_at] == quote) {
                if (m_text.substr(m_at + 1, 1) != std::string_view(&quote, 1)) {
                    break;
                }
                ++m_at;
            }
            token.word += m_text[m_at];
        }
        m_at = std::min(m_at + 1, m_text.size());
    }

    bool dollar_quoted(Token& token) {
        std::size_t end = m_at + 1;
        while (end < m_text.size() && m_text[end] != '$' && is_word(m_text[end])) {
            ++end;
        }
        const bool digit = end > m_at + 1 && m_text[m_at + 1] >= '0' && m_text[m_at + 1] <= '9';
        if (end >= m_text.size() || m_text[end] != '$' || digit) {
            return false;
        }
        const std::string_view tag = m_text.substr(m_at, end - m_at + 1);
        const std::size_t close = m_text.find(tag, end + 1);
        m_at = close == std::string_view::npos ? m_text.size() : close + tag.size();
        token.kind = TokenKind::string;
        return true;
    }

    void word_or_sign(Token& token) {
        if (!is_word(m_text[m_at])) {
            ++m_at;
            return;
        }
        std::size_t end = m_at;
        while (end < m_text.size() && is_word(m_text[end])) {
            ++end;
        }
        token.kind = TokenKind::word;
        token.word = folded(m_text.substr(m_at, end - m_at));
        m_at = end;
        const char next = m_at < m_text.size() ? m_text[m_at] : '\0';
        const std::string prefix = token.word;
        if (next == '\'' && (prefix == "e" || prefix == "n" || prefix == "b" || prefix == "x")) {
            quoted(token, TokenKind::string, '\'', prefix == "e" || m_backslashes);
        } else if (prefix == "u" && m_text.substr(m_at, 2) == "&'") {
            ++m_at;
            quoted(token, TokenKind::string, '\'', false);
        } else if (prefix == "u" && m_text.substr(m_at, 2) == "&\"") {
            ++m_at;
            quoted(token, TokenKind::word, '"', false);
        }
    }

    std::string_view m_text;
    bool m_backslashes;
    std::size_t m_at = 0;
};

bool names_a_secret(std::string_view name, const Masking& masking) {
    const std::string small = folded(name);
    if (masking.every_option) {
        return small != "user" && small != "username";
    }
    constexpr std::array<std::string_view, 8> k_parts = {"pass", "pwd",    "secret",    "token",
                                                         "key",  "creden", "sslcrldir", "auth"};
    return std::any_of(k_parts.begin(), k_parts.end(), [&](std::string_view part) {
        return small.find(part) != std::string::npos;
    });
}

/// Follows the tokens of a statement and says which strings are secrets.
class SecretFinder {
public:
    explicit SecretFinder(const Masking& masking) : m_masking(masking) {}

    bool is_secret(const Token& token) {
        const bool secret = token.kind == TokenKind::string && judged();
        if (token.kind == TokenKind::word) {
            m_word = token.word;
            m_keyword = token.quoted ? std::string() : token.word;
        }
        if (token.kind != TokenKind::string) {
            m_was_secret = false;
        } else {
            m_was_secret = secret;
        }
        return secret;
    }

    void sign(char c) {
        if (c == '(') {
            m_depth += m_depth > 0 || m_keyword == "options" ? 1 : 0;
        } else if (c == ')') {
            m_depth -= m_depth > 0 ? 1 : 0;
        }
        m_keyword.clear();
        m_was_secret = false;
    }

private:
    bool judged() const {
        if (m_was_secret) {
            return true;  // 'one' \n 'string'
        }
        if (m_masking.connection && m_keyword == "connection") {
            return true;
        }
        return m_depth > 0 && names_a_secret(m_word, m_masking);
    }

    Masking m_masking;
    std::string m_word;
    std::string m_keyword;
    int m_depth = 0;
    bool m_was_secret = false;
};

}  // namespace

std::string_view trim_statement(std::string_view text) {
    Lexer lexer(text, false);
    text.remove_prefix(lexer.skip_space());
    while (!text.empty() && (is_space(text.back()) || text.back() == ';')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<std::string> mask_secrets(std::string_view text, const Masking& masking) {
    Lexer lexer(text, masking.backslashes);
    SecretFinder finder(masking);
    std::string result;
    std::size_t copied = 0;
    while (const std::optional<Token> token = lexer.next()) {
        if (token->kind == TokenKind::sign) {
            finder.sign(text[token->begin]);
        } else if (finder.is_secret(*token)) {
            result.append(text.substr(copied, token->begin - copied)).append(k_mask);
            copied = token->end;
        }
    }
    if (copied == 0) {
        return std::nullopt;
    }
    result.append(text.substr(copied));
    return result;
}

}  // namespace ardent::ddl
