// SPDX-License-Identifier: PostgreSQL
// A statement's text, cut into tokens: finds words and leaves some out. Pure; any thread.
#pragma once

#include "common/ddl/sql_tokens.hpp"
#include "common/model/ddl.hpp"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::replay {

using ddl::Token;
using ddl::TokenKind;

class SqlText {
public:
    /// `standard_strings` as standard_conforming_strings: a backslash in '…' is itself.
    SqlText(std::string text, bool standard_strings);

    const std::string& text() const noexcept { return m_text; }
    const std::vector<Token>& tokens() const noexcept { return m_tokens; }

    /// The place of the first of these words, which follow one another, outside of parentheses.
    std::optional<std::size_t> find(std::initializer_list<std::string_view> words) const;
    /// The name after these words.
    std::optional<std::string> name_after(std::initializer_list<std::string_view> words) const;
    /// The text without the tokens from `first` up to before `last`.
    std::string without(std::size_t first, std::size_t last) const;
    /// Names that stand before a parenthesis: what may be a function, and some more. In no order,
    /// each once.
    std::vector<std::string> called() const;

private:
    std::string m_text;
    std::vector<Token> m_tokens;
};

/// A text of the statement's, scanned as its settings say.
SqlText read_text(const model::DdlStatement& statement, const std::string& text);

/// As much of a statement as an error shows.
std::string shown(const std::string& statement);

/// ALTER TABLE … DETACH PARTITION … FINALIZE.
bool finalizes(const SqlText& sql);
/// Without the words CONCURRENTLY and FINALIZE: the same result where nobody else writes.
std::string in_one_step(const SqlText& sql);
/// Without TABLESPACE and its name wherever it can stand in a definition, and without SET
/// TABLESPACE; nullopt when that was all the statement did, or nothing was found.
std::optional<std::string> without_tablespace(const SqlText& sql);
/// WITH (…) of CREATE TABLE … AS, with the word; empty when there is none.
std::string storage_clause(const SqlText& sql);

/// The name after OWNER TO, of REASSIGN OWNED … TO or of CREATE SCHEMA … AUTHORIZATION: whom the
/// statement makes an owner. nullopt when it names nobody, and for CURRENT_USER and its like.
std::optional<Token> new_owner(const SqlText& sql);
/// The roles whose things a statement changes: ALTER DEFAULT PRIVILEGES FOR ROLE …, DROP OWNED BY
/// …, REASSIGN OWNED BY ….
std::vector<std::string> roles_acted_for(const SqlText& sql);
/// The text with `role`, unquoted, in place of that.
std::string with_owner(const SqlText& sql, const Token& owner, const std::string& role);
/// True when the text begins with the words of a command tag, as that of such a statement does.
bool begins_with(const SqlText& sql, std::string_view tag);

struct ExtensionWords {
    std::string name;
    std::optional<std::string> schema;
    std::optional<std::string> version;  // of VERSION, or of UPDATE TO
};
/// CREATE, ALTER or DROP EXTENSION; nullopt when it is none.
std::optional<ExtensionWords> read_extension(const SqlText& sql);

}  // namespace ardent::replay
