// SPDX-License-Identifier: PostgreSQL
// A statement's text as the server's scanner cuts it (parser/scan.l), as far as it takes to tell
// words from what stands in strings, comments and quoted names. Pure; any thread. Every server
// encoding leaves ASCII bytes ASCII.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::ddl {

enum class TokenKind { word, quoted, string, number, symbol };

struct Token {
    TokenKind kind = TokenKind::symbol;
    std::string text;  // a word in lower case, a quoted name without its quotes, the rest as it is
    std::size_t begin = 0;
    std::size_t end = 0;
    int depth = 0;  // of parentheses

    bool is(std::string_view word) const { return kind == TokenKind::word && text == word; }
    bool symbol(char c) const { return kind == TokenKind::symbol && text[0] == c; }
    bool name() const { return kind == TokenKind::word || kind == TokenKind::quoted; }
};

class SqlScanner {
public:
    /// `text` must outlive it. `standard_strings` as standard_conforming_strings: a backslash in
    /// '…' is itself.
    SqlScanner(std::string_view text, bool standard_strings);

    /// Passes over white space and comments; where it stands then.
    std::size_t skip_blank();
    /// nullopt at the end. What is not closed goes to the end.
    std::optional<Token> next();

private:
    char at(std::size_t place) const noexcept;
    void skip_comment();
    Token take(TokenKind kind, std::string text, std::size_t end);
    Token word();
    Token number();
    Token quoted(std::size_t open);
    Token string(std::size_t open, bool standard);
    /// Behind the quote that closes what `open` opens.
    std::size_t end_of_string(std::size_t open, bool standard) const;
    /// The quote that goes on with a string that ended at `end`; `end` itself: none.
    std::size_t continuation(std::size_t end) const;
    std::optional<Token> dollar_quoted();
    Token symbol();

    std::string_view m_text;
    bool m_standard;
    std::size_t m_at = 0;
    int m_depth = 0;
};

bool is_blank(char c) noexcept;

/// ASCII letters; the others stay.
std::string lower(std::string_view text);

}  // namespace ardent::ddl
