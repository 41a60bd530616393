// SPDX-License-Identifier: PostgreSQL
// What a statement created, altered and dropped, as JSON (docs/ddl.md). Left out: temporary
// objects, objects of an extension's script, and what belongs to this extension. C inside: may
// raise, holds nothing to destroy.
#pragma once

#include "extension/src/capture/json.hpp"
#include "extension/src/capture/statement.hpp"

namespace ardent::ext::capture {

struct Objects {
    StringInfo json = nullptr;  // of those that are reported, separated by commas
    List* relations = NIL;      // whose definitions belong into the message
    int reported = 0;
    int left_out = 0;
};

Objects no_objects();
/// In ddl_command_end.
Objects commanded_objects();
/// Of a relation that has just been created; for the object access hook.
Objects created_relation(Oid relation, const char* tag);

/// In sql_drop: gathers into the statement.
void gather_dropped(Statement* statement);
/// In table_rewrite: gathers into the statement.
void gather_rewritten(Statement* statement);

}  // namespace ardent::ext::capture
