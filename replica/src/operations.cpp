// SPDX-License-Identifier: PostgreSQL
#include "replica/src/operations.hpp"

#include "replica/src/foreign_code.hpp"
#include "replica/src/inserter.hpp"
#include "replica/src/search.hpp"

namespace ardent::rows {

namespace {

constexpr int32 k_null = -1;
constexpr int32 k_unchanged = -2;

struct Reader {
    char* next;
    char* end;
};

[[noreturn]] void raise_malformed() {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the changes are not well formed")));
    pg_unreachable();
}

char* take(Reader* reader, int64 bytes) {
    if (reader->end - reader->next < bytes) {
        raise_malformed();
    }
    char* const place = reader->next;
    reader->next += bytes;
    return place;
}

template <class T>
T take_number(Reader* reader) {
    T number = 0;
    const char* const place = take(reader, sizeof number);
    for (std::size_t i = 0; i < sizeof number; ++i) {
        number = static_cast<T>(number << 8U | static_cast<unsigned char>(place[i]));
    }
    return number;
}

void take_cells(Reader* reader, int count, Cell* cells) {
    for (int i = 0; i < count; ++i) {
        const auto size = static_cast<int32>(take_number<uint32>(reader));
        cells[i] = {Cell::State::null, nullptr, 0};
        if (size == k_unchanged) {
            cells[i].state = Cell::State::unchanged;
        } else if (size != k_null) {
            if (size < 0) {
                raise_malformed();
            }
            char* const text = take(reader, int64{size} + 1);
            if (text[size] != '\0' || std::memchr(text, '\0', static_cast<std::size_t>(size))) {
                raise_malformed();
            }
            pg_verifymbstr(text, size, false);
            cells[i] = {Cell::State::value, text, size};
        }
    }
}

/// Sets the columns that the change tells; the others stay as they are in the slot.
int64 fill(Table* table, Columns columns, const Cell* cells, TupleTableSlot* slot) {
    int64 bytes = 0;
    for (int i = 0; i < columns.count; ++i) {
        if (cells[i].state == Cell::State::unchanged) {
            continue;
        }
        const int column = columns.numbers[i] - 1;
        const bool is_value = cells[i].state == Cell::State::value;
        slot->tts_isnull[column] = !is_value;
        slot->tts_values[column] =
            is_value ? read_value(table->readers[column], cells[i].text) : Datum{0};
        bytes += cells[i].size;
    }
    return bytes;
}

void update(Table* table, Columns columns, const Cell* cells) {
    TupleTableSlot* const slot = table->fresh;
    slot_getallattrs(table->found);
    ExecClearTuple(slot);
    for (int i = 0; i < slot->tts_tupleDescriptor->natts; ++i) {
        const bool keeps = table->readers[i] != nullptr && !table->found->tts_isnull[i];
        slot->tts_isnull[i] = !keeps;
        slot->tts_values[i] = keeps ? table->found->tts_values[i] : Datum{0};
    }
    fill(table, columns, cells, slot);
    ExecStoreVirtualTuple(slot);
    update_row(table);
}

[[noreturn]] void raise_missing(Table* table) {
    ereport(ERROR,
            (errcode(ERRCODE_NO_DATA_FOUND),
             errmsg("the row is not in table \"%s\"", RelationGetRelationName(table->relation))));
    pg_unreachable();
}

/// A command does not change what it wrote itself. Counting up for every change instead would keep
/// 8 bytes of memory for each row that a transaction writes twice (combocid.c).
void begin_command_after(TupleTableSlot* written) {
    bool owned = false;
    HeapTuple const row = ExecFetchSlotHeapTuple(written, false, &owned);
    if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data)) &&
        HeapTupleHeaderGetCmin(row->t_data) >= GetCurrentCommandId(false)) {
        CommandCounterIncrement();
    }
}

void change(Table* table, Search* search, char letter, Columns columns, const Cell* old,
            const Cell* now) {
    if (!find_row(search, old)) {
        raise_missing(table);
    }
    begin_command_after(table->found);
    if (letter == 'u') {
        update(table, columns, now);
    } else {
        remove_row(table);
    }
    ExecClearTuple(table->fresh);
    ExecClearTuple(table->found);
}

}  // namespace

void apply_operations(Table* table, Columns identity, Columns columns, char* bytes, int64 size,
                      Progress* progress) {
    auto* const old = take_zeroed<Cell>(identity.count);
    auto* const now = take_zeroed<Cell>(columns.count);
    Inserter* const inserter = open_inserter(table, &progress->ordinal, false);
    MemoryContext const memory =
        AllocSetContextCreate(CurrentMemoryContext, "ardent change", ALLOCSET_DEFAULT_SIZES);
    Search* search = nullptr;
    Reader reader{bytes, bytes + size};
    for (; reader.next < reader.end; ++progress->ordinal) {
        CHECK_FOR_INTERRUPTS();
        const char letter = *take(&reader, 1);
        progress->lsn = take_number<uint64>(&reader);
        if (letter == 'i') {
            take_cells(&reader, columns.count, now);
            TupleTableSlot* const slot = next_slot(inserter);
            MemoryContext const before = MemoryContextSwitchTo(row_memory(inserter));
            const int level = enter_foreign(table->foreign);
            const int64 filled = fill(table, columns, now, slot);
            leave_foreign(level);
            MemoryContextSwitchTo(before);
            add_row(inserter, filled);
            continue;
        }
        if (letter != 'u' && letter != 'd') {
            raise_malformed();
        }
        take_cells(&reader, identity.count, old);
        if (letter == 'u') {
            take_cells(&reader, columns.count, now);
        }
        flush_rows(inserter);
        search = search == nullptr ? open_search(table, identity) : search;
        MemoryContext const before = MemoryContextSwitchTo(memory);
        const int level = enter_foreign(table->foreign);
        change(table, search, letter, columns, old, now);
        leave_foreign(level);
        MemoryContextSwitchTo(before);
        MemoryContextReset(memory);
    }
    close_inserter(inserter);
    if (search != nullptr) {
        close_search(search);
    }
    MemoryContextDelete(memory);
}

}  // namespace ardent::rows
