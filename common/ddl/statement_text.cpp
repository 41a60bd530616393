// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/statement_text.hpp"

#include "common/ddl/sql_tokens.hpp"

#include <algorithm>
#include <array>

namespace ardent::ddl {

namespace {

constexpr std::string_view k_mask = "'***'";

bool names_a_secret(std::string_view name, const Masking& masking) {
    const std::string small = lower(name);
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
        if (token.kind == TokenKind::symbol) {
            parenthesis(token);
            m_keyword.clear();
        } else if (token.kind != TokenKind::string) {
            m_word = token.text;
            m_keyword = token.kind == TokenKind::quoted ? std::string() : token.text;
        }
        m_was_secret = token.kind == TokenKind::string && judged();
        return m_was_secret;
    }

private:
    void parenthesis(const Token& token) {
        if (token.symbol('(')) {
            m_depth += m_depth > 0 || m_keyword == "options" ? 1 : 0;
        } else if (token.symbol(')')) {
            m_depth -= m_depth > 0 ? 1 : 0;
        }
    }

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
    text.remove_prefix(SqlScanner(text, true).skip_blank());
    while (!text.empty() && (is_blank(text.back()) || text.back() == ';')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<std::string> mask_secrets(std::string_view text, const Masking& masking) {
    if (text.find_first_of("'$") == std::string_view::npos) {
        return std::nullopt;  // no strings: most statements
    }
    SqlScanner scanner(text, !masking.backslashes);
    SecretFinder finder(masking);
    std::string result;
    std::size_t copied = 0;
    while (const std::optional<Token> token = scanner.next()) {
        if (finder.is_secret(*token)) {
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
