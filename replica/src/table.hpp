// SPDX-License-Identifier: PostgreSQL
// One table, open for writing rows: under a lock, with its indexes, in its owner's name. No trigger
// fires, and nothing but unique and exclusion indexes and a partition's bounds is judged.
//
// What is left of the source's code (index expressions, operator classes, partition keys) runs as
// the owner of the table in a security-restricted operation, with the search_path that the source's
// writers have, as the server itself runs REINDEX and VACUUM. Settings that it changes are put back
// by close_table. After an error the end of the (sub)transaction does all of that.
#pragma once

#include "replica/src/server.hpp"
#include "replica/src/values.hpp"

namespace ardent::rows {

struct Table {
    Relation relation;
    EState* estate;
    ResultRelInfo* info;
    ValueReader** readers;  // by attribute number - 1; nullptr: dropped or virtual
    TupleTableSlot* found;  // a row that a search found
    TupleTableSlot* fresh;  // the row that takes its place
    bool foreign;           // writing may call code of the source (foreign_code.hpp)
    Oid caller;
    int caller_context;
    int settings_level;
};

/// Raises an error for what has no rows of its own, what belongs to the server, and a table whose
/// owner the caller cannot become: of those are Ardent's own, which are the superuser's.
void require_ordinary(Relation relation);

/// `search_path`: of the source's writers. Raises an error unless the caller may become the table's
/// owner.
Table* open_table(Oid relation, const char* search_path);
void close_table(Table* table);

/// Attribute numbers of an int2[] without NULLs; raises an error for one that has no stored column.
struct Columns {
    const int16* numbers;
    int count;
};
Columns read_columns(const Table* table, ArrayType* numbers);

/// The row in `fresh` in the place of the one in `found`.
void update_row(Table* table);
/// The row in `found`.
void remove_row(Table* table);
/// Raises an error for a NULL that the server's own code relies on not being there, and for a row
/// outside of its partition's bounds, which no search through the parent would find.
void require_storable(Table* table, TupleTableSlot* slot);
/// Of a new row.
void insert_index_entries(Table* table, TupleTableSlot* slot);

}  // namespace ardent::rows
