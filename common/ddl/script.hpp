// SPDX-License-Identifier: PostgreSQL
// Cuts a script into its statements where the server's grammar ends them: at a semicolon outside of
// strings, comments, parentheses (CREATE RULE … DO (…; …)) and the body of a function (BEGIN ATOMIC
// … END). Pure; any thread; UTF-8 and every other encoding that leaves ASCII bytes ASCII.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ardent::ddl {

struct ScriptStatement {
    std::string_view text;                 // without its semicolon; points into the script
    std::size_t begin = 0;                 // where `text` stands in the script
    std::size_t next = 0;                  // where to look for the one behind it
    std::optional<std::size_t> backslash;  // the first one that SQL has no use for: a psql command
};

/// The first statement from `from` on; nullopt: none is left. `standard_strings` as
/// standard_conforming_strings is when the statement is sent: one before it may have set it. What
/// is not closed goes to the end of the script.
std::optional<ScriptStatement> next_statement(std::string_view script, std::size_t from,
                                              bool standard_strings);

/// Counted from 1.
std::size_t line_of(std::string_view script, std::size_t place) noexcept;

}  // namespace ardent::ddl
