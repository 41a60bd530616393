// SPDX-License-Identifier: PostgreSQL
// Changes of one table's rows, in the order in which they are to be made.
//
// The bytes (all numbers in network order): for each change a letter, 'i' insert, 'u' update or 'd'
// delete; 8 bytes of the LSN that it had at the source; for 'u' and 'd' the cells of the identity's
// columns; for 'i' and 'u' the cells of all columns. A cell is 4 bytes of size and so many bytes of
// text and a NUL; size -1: NULL; size -2: unchanged (only of 'u': the row keeps what it has).
// environment/apply/operations.hpp writes them.
#pragma once

#include "replica/src/server.hpp"
#include "replica/src/table.hpp"

namespace ardent::rows {

/// Where the work is, for error messages.
struct Progress {
    int64 ordinal;  // from 0
    uint64 lsn;
};

/// Makes the changes. Raises ERRCODE_NO_DATA_FOUND for a row that is not there.
void apply_operations(Table* table, Columns identity, Columns columns, char* bytes, int64 size,
                      Progress* progress);

/// Inserts the lines of COPY's text format, and returns how many there were. `bytes` is written
/// over.
int64 insert_lines(Table* table, Columns columns, char* bytes, int64 size, bool frozen,
                   Progress* progress);

}  // namespace ardent::rows
