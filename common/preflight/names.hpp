// SPDX-License-Identifier: PostgreSQL
// Names and literals in SQL text, and lists of names. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

/// Always in double quotes.
std::string quote_identifier(std::string_view name);
/// A string constant that reads the same whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text);
/// The text form of a text[] value.
std::string array_text(const std::vector<std::string>& elements);
/// Splits as PostgreSQL's SplitIdentifierString; nullopt when the syntax is wrong.
std::optional<std::vector<std::string>> split_identifiers(std::string_view text);
/// The lines of a comment: no name can end it, whatever line breaks it holds.
std::string comment_text(std::string_view text);

}  // namespace ardent::preflight
