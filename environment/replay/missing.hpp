// SPDX-License-Identifier: PostgreSQL
// What a statement names and the replica does not have. Told by the server itself about the
// statement itself: code of the source raises errors with any words and any SQLSTATE, but never
// without a context, and that of a statement inside of a function is no word of the statement's.
// Pure; any thread.
#pragma once

#include "common/pq/connection.hpp"

#include <optional>
#include <string>

namespace ardent::replay {

std::optional<std::string> missing_role(const base::Error& error);
std::optional<std::string> missing_tablespace(const base::Error& error);
/// The name in: unrecognized parameter "x", unrecognized parameter namespace "x".
std::optional<std::string> unknown_parameter(const base::Error& error);

}  // namespace ardent::replay
