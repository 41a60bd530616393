// SPDX-License-Identifier: PostgreSQL
// Whether rows that a statement writes anew come out the same wherever and whenever it runs: judged
// by the server's own parser, for the text alone does not tell (docs/ddl.md, "The body"). C inside:
// may raise, holds nothing to destroy.
#pragma once

#include "extension/src/capture/statement.hpp"

namespace ardent::ext::capture {

/// Does the statement give a column another type? Takes nothing, raises nothing.
bool converts(const Node* tree);

/// What `converts` is true for: into the statement's `conversions`. In ddl_command_start, while the
/// columns still have their old types. Waits for no lock: where somebody holds the table, nothing
/// is known.
void judge_conversions(Statement* statement);

/// What the rows that are there get in a column that the statement adds. `why`: what makes it
/// another thing elsewhere; nullptr for what has no name.
struct Filling {
    enum class Kind { not_added, null, same, other } kind = Kind::not_added;
    const char* why = nullptr;
};

/// After the statement. Of a column that it does not add: not_added.
Filling filling_of(const Node* tree, Relation relation, const FormData_pg_attribute* column);

}  // namespace ardent::ext::capture
