// SPDX-License-Identifier: PostgreSQL
// The lines of COPY … TO in text format, as they came from the source.
#include "replica/src/foreign_code.hpp"
#include "replica/src/inserter.hpp"
#include "replica/src/operations.hpp"

namespace ardent::rows {

namespace {

/// What the letter behind a backslash stands for; COPY TO writes no octal and no hexadecimal
/// numbers.
char unescaped(char letter) {
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return letter;
    }
}

/// Takes the backslashes out of [from, end) in place and puts a NUL at the end, which may be where
/// the separator was.
void unescape(char* from, char* end) {
    auto* const first =
        static_cast<char*>(std::memchr(from, '\\', static_cast<std::size_t>(end - from)));
    if (first == nullptr) {
        *end = '\0';
        return;
    }
    char* to = first;
    for (from = first; from < end; ++from) {
        if (*from == '\\' && from + 1 < end) {
            ++from;
            *to++ = unescaped(*from);
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

[[noreturn]] void raise_columns(Table* table, int count) {
    ereport(ERROR, (errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
                    errmsg("a row for table \"%s\" does not have %d columns",
                           RelationGetRelationName(table->relation), count)));
    pg_unreachable();
}

/// Fills the slot from the line [from, end); its end is written over.
void fill_line(Table* table, Columns columns, char* from, char* end, TupleTableSlot* slot) {
    if (columns.count == 0 && from != end) {
        raise_columns(table, 0);
    }
    for (int i = 0; i < columns.count; ++i) {
        const bool last = i + 1 == columns.count;
        auto* stop =
            static_cast<char*>(std::memchr(from, '\t', static_cast<std::size_t>(end - from)));
        if ((stop == nullptr) != last) {
            raise_columns(table, columns.count);
        }
        stop = last ? end : stop;
        if (stop - from == 2 && from[0] == '\\' && from[1] == 'N') {
            from = stop + 1;
            continue;
        }
        unescape(from, stop);
        const int column = columns.numbers[i] - 1;
        slot->tts_values[column] = read_value(table->readers[column], from);
        slot->tts_isnull[column] = false;
        from = stop + 1;
    }
}

}  // namespace

int64 insert_lines(Table* table, Columns columns, char* bytes, int64 size, bool frozen,
                   Progress* progress) {
    Inserter* const inserter = open_inserter(table, &progress->ordinal, frozen);
    char* const end = bytes + size;
    for (char* line = bytes; line < end; ++progress->ordinal) {
        CHECK_FOR_INTERRUPTS();
        auto* const stop =
            static_cast<char*>(std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
        if (stop == nullptr || std::memchr(line, '\0', static_cast<std::size_t>(stop - line))) {
            ereport(ERROR, (errcode(ERRCODE_BAD_COPY_FILE_FORMAT), errmsg("a row has no end")));
        }
        pg_verifymbstr(line, static_cast<int>(stop - line), false);
        TupleTableSlot* const slot = next_slot(inserter);
        MemoryContext const before = MemoryContextSwitchTo(row_memory(inserter));
        const int level = enter_foreign(table->foreign);
        fill_line(table, columns, line, stop, slot);
        leave_foreign(level);
        MemoryContextSwitchTo(before);
        add_row(inserter, stop - line);
        line = stop + 1;
    }
    close_inserter(inserter);
    return progress->ordinal;
}

}  // namespace ardent::rows
