// SPDX-License-Identifier: PostgreSQL
// The SQL that changes a replica's table. Pure text; every name is quoted, every parameter is cast to its
// column's type, so that a value goes through that type's own input function and nothing else.
// `columns` are places in the table. ONLY everywhere: each message names the very table its row is in.
#pragma once

#include "environment/apply/target_table.hpp"

#include <string>
#include <vector>

namespace ardent::apply::sql {

using Places = std::vector<int>;

/// COPY of the writable columns, text format.
std::string copy(const TargetTable& table);

/// One row; parameters: the writable columns.
std::string insert(const TargetTable& table);

/// What an UPDATE of these present columns sets; never generated ones nor GENERATED ALWAYS AS IDENTITY,
/// key columns only `with_key`. When that leaves nothing, the first key column is set to itself, if that is allowed.
Places settable(const TargetTable& table, const Places& present, bool with_key);

/// One row by key; parameters: `set`, then the key columns, then the fixed ones (their value cannot be set, so it
/// must be the one that is there). With an empty `set` it only looks whether the row is there.
std::string update(const TargetTable& table, const Places& set);

/// One row by key; parameters: the key columns.
std::string remove(const TargetTable& table);

/// REPLICA IDENTITY FULL: exactly one of the rows that equal the old one. Parameters: `set`, then all columns
/// that are compared (`compared`).
std::string update_full(const TargetTable& table, const Places& set, const Places& compared);
std::string remove_full(const TargetTable& table, const Places& compared);

/// An UPDATE that SET cannot say, because a GENERATED ALWAYS AS IDENTITY column of the key changed: the row is taken out
/// and put back with what is new. Parameters: `present`, then the old key.
std::string replace(const TargetTable& table, const Places& present);

/// Many rows: as `update` and `remove`, each parameter an array of the column's values.
std::string update_many(const TargetTable& table, const Places& set);
std::string remove_many(const TargetTable& table);

/// The place (from 0) of the first key, in arrays as for `remove_many`, that the table does not have.
std::string missing_key(const TargetTable& table);

std::string truncate(const std::vector<const TargetTable*>& tables);

/// All its rows, where TRUNCATE would not do: a foreign key refers to it, or its old rows are to be read meanwhile.
std::string empty(const TargetTable& table);

}  // namespace ardent::apply::sql
