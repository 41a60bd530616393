// SPDX-License-Identifier: PostgreSQL
// Finds the one row that a change is about: by the table's identity index, or, under REPLICA
// IDENTITY FULL, by the text of every value.
#pragma once

#include "replica/src/server.hpp"
#include "replica/src/table.hpp"

namespace ardent::rows {

/// One value of a change, as it came.
struct Cell {
    enum class State : uint8 { value, null, unchanged };
    State state;
    char* text;  // with NUL behind it; nullptr unless it is a value
    int size;
};

struct Search;

/// `identity`: the columns that a change tells of the old row, in the order in which it tells them.
Search* open_search(Table* table, Columns identity);
void close_search(Search* search);

/// Looks for the row with these values, one a column of the identity; true when it is in
/// table->found. Values are made in the current memory context.
bool find_row(Search* search, const Cell* cells);

}  // namespace ardent::rows
