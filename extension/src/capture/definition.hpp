// SPDX-License-Identifier: PostgreSQL
// The definition of a relation as it is now, as JSON (docs/ddl.md). C inside: may raise, holds
// nothing to destroy.
#pragma once

#include "extension/src/capture/json.hpp"

namespace ardent::ext::capture {

/// Writes the definitions of the relations, of those that inherit from them, and of the tables of
/// those that are indexes, as an array. What is gone or no table is passed over; nobody's lock is
/// waited for. Returns how many were left out because there are too many or somebody has them
/// locked.
/// `tree`: the statement, for what the rows get in columns that it adds.
std::uint64_t write_definitions(Json& json, const List* relations, const Node* tree);

/// How expressions are printed is fixed while this level is open, whatever the session has set:
/// everything outside pg_catalog is written with its schema, and constants are printed exactly.
/// Close it with AtEOXact_GUC(true, level).
int pin_printing();

}  // namespace ardent::ext::capture
