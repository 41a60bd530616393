// SPDX-License-Identifier: PostgreSQL
// Objects of the carried schemas that a replica cannot have: they need something in a schema or a
// table that is not carried, or a superuser has to make them. A query for preflight, which says so
// before anything is made, and for the copy, which leaves them out.
#pragma once

namespace ardent::preflight {

/// $1: the carried schemas, text[]; $2: the excluded tables as "schema.name", text[]. A row an
/// object: catalog's and object's oid; type, parts of the name and of the arguments (json), as
/// pg_identify_object_as_address says them; identity; why, empty for a part of a relation that is
/// itself among them; whether a table cannot be carried without it. Functions that defaults, checks
/// and generated columns call are not among them: others stand for those
/// (agent/copy/inventory.hpp).
extern const char* const k_outside_objects;

}  // namespace ardent::preflight
