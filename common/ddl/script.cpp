// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/script.hpp"

#include "common/ddl/sql_tokens.hpp"

#include <algorithm>
#include <array>

namespace ardent::ddl {

namespace {

/// Tells whether a semicolon ends the statement. Only CREATE [OR REPLACE] FUNCTION and PROCEDURE
/// have a body in which it does not, and there `routine_body_stmt: stmt ';'` of the grammar leaves
/// no other place for the closing END than the beginning of a statement: END of a CASE, a column
/// called "pending" or `AS end` stand elsewhere.
class StatementShape {
public:
    void see(const Token& token) {
        const bool at_beginning = m_at_beginning;
        m_at_beginning = token.symbol(';');
        if (m_in_body) {
            m_in_body = !(at_beginning && token.is("end"));
        } else if (makes_routine() && token.depth == 0 && token.is("atomic") && m_after_begin) {
            m_in_body = true;
            m_at_beginning = true;
        }
        m_after_begin = token.is("begin");
        if (m_seen < m_words.size()) {
            m_words[m_seen++] = token.kind == TokenKind::word ? token.text : std::string();
        }
    }

    bool in_body() const noexcept { return m_in_body; }

private:
    bool makes_routine() const {
        const bool replaces = m_words[1] == "or" && m_words[2] == "replace";
        const std::string& what = m_words[replaces ? 3 : 1];
        return m_words[0] == "create" && (what == "function" || what == "procedure");
    }

    std::array<std::string, 4> m_words;  // the first ones
    std::size_t m_seen = 0;
    bool m_in_body = false;
    bool m_after_begin = false;
    bool m_at_beginning = false;
};

}  // namespace

std::optional<ScriptStatement> next_statement(std::string_view script, std::size_t from,
                                              bool standard_strings) {
    while (from < script.size()) {
        const std::string_view rest = script.substr(from);
        // one for each statement, so that a parenthesis too many is the matter of its own alone
        SqlScanner scanner(rest, standard_strings);
        StatementShape shape;
        ScriptStatement found;
        found.begin = from + scanner.skip_blank();
        std::size_t end = found.begin;
        found.next = script.size();
        while (const std::optional<Token> token = scanner.next()) {
            if (token->symbol(';') && token->depth <= 0 && !shape.in_body()) {
                found.next = from + token->end;
                break;
            }
            if (token->symbol('\\') && !found.backslash) {
                found.backslash = from + token->begin;
            }
            shape.see(*token);
            end = from + token->end;
        }
        if (end > found.begin) {
            found.text = script.substr(found.begin, end - found.begin);
            return found;
        }
        from = found.next;
    }
    return std::nullopt;
}

std::size_t line_of(std::string_view script, std::size_t place) noexcept {
    const std::string_view before = script.substr(0, place);
    return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

}  // namespace ardent::ddl
