// SPDX-License-Identifier: PostgreSQL
// What a statement names and the replica does not have. Told by the server itself about the
// statement itself: code of the source raises errors with any words and any SQLSTATE, but never
// without a context, and that of a statement inside of a function is no word of the statement's.
// Pure; any thread.
#pragma once

#include "common/pq/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ardent::replay {

std::optional<std::string> missing_role(const base::Error& error);
std::optional<std::string> missing_tablespace(const base::Error& error);
std::optional<std::string> missing_server(const base::Error& error);
/// A function that the statement calls: its name in a schema, and its arguments' types as the
/// server writes them; nullopt when it is not such an error, or an argument's type is not known.
struct MissingFunction {
    std::string schema;
    std::string name;
    std::string arguments;
};
std::optional<MissingFunction> missing_function(const base::Error& error);
/// The statement names something that is not here. What the replica carries is what the source
/// has: so that lies outside of it.
bool names_what_is_missing(const base::Error& error);
/// In the server's words: that, or a right that no role of the source has here, because it was a
/// superuser's; empty: neither. Not a right that a DROP lacks: what it leaves here the source has
/// not.
std::string unmet_need(const base::Error& error, std::string_view tag);
/// The name in: unrecognized parameter "x", unrecognized parameter namespace "x".
std::optional<std::string> unknown_parameter(const base::Error& error);

}  // namespace ardent::replay
