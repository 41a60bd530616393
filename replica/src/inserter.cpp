// SPDX-License-Identifier: PostgreSQL
#include "replica/src/inserter.hpp"

namespace ardent::rows {

namespace {

// As COPY buffers (copyfrom.c): more rows do not make it faster.
constexpr int k_most_rows = 1000;
constexpr int64 k_most_bytes = 65535;

/// Nobody else has seen the file that the rows go into.
bool is_new_file(Relation relation) {
#if PG_VERSION_NUM >= 160000
    const SubTransactionId written = relation->rd_newRelfilelocatorSubid;
#else
    const SubTransactionId written = relation->rd_newRelfilenodeSubid;
#endif
    const SubTransactionId current = GetCurrentSubTransactionId();
    return relation->rd_createSubid == current || written == current;
}

}  // namespace

struct Inserter {
    Table* table;
    MemoryContext memory;
    BulkInsertState bulk;
    int64* ordinal;
    int options;
    int count;
    int64 bytes;
    TupleTableSlot* slots[k_most_rows];
    int64 ordinals[k_most_rows];
};

MemoryContext row_memory(const Inserter* inserter) {
    return inserter->memory;
}

Inserter* open_inserter(Table* table, int64* ordinal, bool frozen) {
    auto* const inserter = static_cast<Inserter*>(palloc0(sizeof(Inserter)));
    inserter->table = table;
    inserter->memory =
        AllocSetContextCreate(CurrentMemoryContext, "ardent rows", ALLOCSET_DEFAULT_SIZES);
    inserter->ordinal = ordinal;
    if (frozen && !is_new_file(table->relation)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("table \"%s\" was not truncated in this transaction",
                               RelationGetRelationName(table->relation))));
    }
    // As COPY … FREEZE (copyfrom.c): new pages, whose free space nobody has to know.
    inserter->options = frozen ? TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN : 0;
    return inserter;
}

void close_inserter(Inserter* inserter) {
    flush_rows(inserter);
    for (int i = 0; i < k_most_rows && inserter->slots[i] != nullptr; ++i) {
        ExecDropSingleTupleTableSlot(inserter->slots[i]);
    }
    if (inserter->bulk != nullptr) {
        FreeBulkInsertState(inserter->bulk);
        table_finish_bulk_insert(inserter->table->relation, inserter->options);
    }
    MemoryContextDelete(inserter->memory);
}

TupleTableSlot* next_slot(Inserter* inserter) {
    TupleTableSlot*& slot = inserter->slots[inserter->count];
    if (slot == nullptr) {
        slot = table_slot_create(inserter->table->relation, nullptr);
    }
    ExecClearTuple(slot);
    const int columns = slot->tts_tupleDescriptor->natts;
    for (int i = 0; i < columns; ++i) {
        slot->tts_values[i] = 0;
        slot->tts_isnull[i] = true;
    }
    return slot;
}

void add_row(Inserter* inserter, int64 bytes) {
    TupleTableSlot* const slot = inserter->slots[inserter->count];
    ExecStoreVirtualTuple(slot);
    require_storable(inserter->table, slot);
    ResetPerTupleExprContext(inserter->table->estate);
    inserter->ordinals[inserter->count] = *inserter->ordinal;
    ++inserter->count;
    inserter->bytes += bytes;
    if (inserter->count == k_most_rows || inserter->bytes >= k_most_bytes) {
        flush_rows(inserter);
    }
}

void flush_rows(Inserter* inserter) {
    if (inserter->count == 0) {
        return;
    }
    Table* const table = inserter->table;
    const int64 last = *inserter->ordinal;
    if (inserter->bulk == nullptr) {
        inserter->bulk = GetBulkInsertState();
    }
    *inserter->ordinal =
        inserter->ordinals[0];  // which of them does not fit a page it does not say
    MemoryContext const before = MemoryContextSwitchTo(inserter->memory);
    table_multi_insert(table->relation, inserter->slots, inserter->count, GetCurrentCommandId(true),
                       inserter->options, inserter->bulk);
    MemoryContextSwitchTo(before);
    for (int i = 0; i < inserter->count; ++i) {
        *inserter->ordinal = inserter->ordinals[i];
        insert_index_entries(table, inserter->slots[i]);
        ResetPerTupleExprContext(table->estate);
        ExecClearTuple(inserter->slots[i]);
    }
    *inserter->ordinal = last;
    inserter->count = 0;
    inserter->bytes = 0;
    MemoryContextReset(inserter->memory);
}

}  // namespace ardent::rows
