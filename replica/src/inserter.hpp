// SPDX-License-Identifier: PostgreSQL
// New rows of one table, written many at a time as COPY does. The caller fills a slot, adds it, and
// flushes before it looks for a row or is at its end.
#pragma once

#include "replica/src/server.hpp"
#include "replica/src/table.hpp"

namespace ardent::rows {

struct Inserter;

/// What the rows' values are made in: reset by a flush.
MemoryContext row_memory(const Inserter* inserter);

/// `ordinal`: where the row stands in what came, kept up to date for error messages. `frozen`: the
/// rows are visible to everybody as soon as they are committed; only for a table that this
/// transaction truncated.
Inserter* open_inserter(Table* table, int64* ordinal, bool frozen);
void close_inserter(Inserter* inserter);

/// An empty row: every value is NULL. The caller sets tts_values and tts_isnull.
TupleTableSlot* next_slot(Inserter* inserter);
/// The slot that next_slot gave is filled; `bytes` is about what it holds.
void add_row(Inserter* inserter, int64 bytes);
void flush_rows(Inserter* inserter);

}  // namespace ardent::rows
