// SPDX-License-Identifier: PostgreSQL
// What goes out: the net effect of a batch as statements.
#include "environment/apply/table_writer.hpp"

#include "environment/apply/failed.hpp"

#include <algorithm>
#include <utility>

namespace ardent::apply {

namespace {

constexpr std::size_t k_few = 8;                              // fewer rows go one by one
constexpr std::size_t k_many = 20000;                         // rows of one statement, at most
constexpr std::size_t k_many_bytes = std::size_t{8} << 20U;   // and their bytes
constexpr std::size_t k_large_row = std::size_t{256} << 10U;  // goes alone
constexpr std::size_t k_most_waiting = 1000;                  // answers
constexpr std::size_t k_most_prepared = 200;                  // statements of one table
constexpr std::size_t k_copy_rows = 16;                       // from here on COPY pays

std::size_t bytes_of(const TargetTable& table, const KeyEntry& entry) {
    std::size_t bytes = entry.key.bytes().size();
    for (std::size_t i = 0; entry.cells != nullptr && i < table.columns.size(); ++i) {
        bytes += entry.cells[i].size;
    }
    return bytes;
}

bool same_presence(const TargetTable& table, const Cell* a, const Cell* b) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if ((a[i].state == CellState::absent) != (b[i].state == CellState::absent)) {
            return false;
        }
    }
    return true;
}

sql::Places presence(const TargetTable& table, const Cell* cells) {
    sql::Places present;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (cells[i].state != CellState::absent) {
            present.push_back(static_cast<int>(i));
        }
    }
    return present;
}

/// Calls `use` with slices that one statement takes.
template <class Use>
void in_slices(const TargetTable& table, const std::vector<const KeyEntry*>& entries, Use use) {
    const std::span<const KeyEntry* const> all(entries);
    std::size_t begin = 0;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        bytes += bytes_of(table, *all[i]);
        if (i + 1 == all.size() || i + 1 - begin == k_many || bytes >= k_many_bytes) {
            use(all.subspan(begin, i + 1 - begin));
            begin = i + 1;
            bytes = 0;
        }
    }
}

}  // namespace

void TableWriter::ready() {
    m_before_sending();
    close_copy();
    m_session.begin();
}

void TableWriter::stream(PendingTable& pending) {
    if (m_copying != &pending) {
        ready();
        settle();
        m_session.begin_copy(sql::copy(*pending.table));
        m_copying = &pending;
    }
    m_session.copy(pending.copy);
    m_copy_bytes -= pending.copy.size();
    pending.copy.clear();
}

void TableWriter::close_copy() {
    if (m_copying == nullptr) {
        return;
    }
    PendingTable& pending = *m_copying;
    m_copying = nullptr;
    m_session.copy(pending.copy);
    m_copy_bytes -= pending.copy.size();
    pending.copy.clear();
    const std::uint64_t sent = std::exchange(pending.copied, 0);
    Ticket ticket;
    ticket.table = pending.table;
    ticket.lsn = pending.lsn;
    const std::size_t place = keep(std::move(ticket));
    try {
        const std::uint64_t rows = m_session.end_copy();
        if (rows != sent) {
            fail(StatementError(place, rows));
        }
    } catch (const Failed&) {
        throw;
    } catch (const base::Error& error) {
        fail(StatementError(error, place));
    }
}

void TableWriter::flush() {
    for (PendingTable* const pending : m_touched) {
        flush_table(*pending);
        pending->keyed = pending->keyed && pending->changed;
        pending->changed = false;
        pending->touched = false;
    }
    m_touched.clear();
    close_copy();
}

void TableWriter::settle() {
    m_before_sending();  // the answers of a commit on its way are not ours to read
    try {
        m_session.drain();
    } catch (const StatementError& error) {
        fail(error);
    }
    m_tickets.clear();
    release_savepoints();
    if (m_touched.empty()) {
        m_arena.reset();
    }
}

// The first one takes with it what was set after it.
void TableWriter::release_savepoints() {
    if (!m_open_savepoint.empty()) {
        m_session.queue("RELEASE SAVEPOINT " + std::exchange(m_open_savepoint, {}), {},
                        ReplicaSession::k_any_rows, ReplicaSession::k_no_ticket);
    }
}

void TableWriter::hand_over() {
    std::swap(m_arena, m_sent_arena);
    std::swap(m_tickets, m_sent_tickets);
    m_open_savepoint.clear();
}

void TableWriter::released() noexcept {
    m_sent_arena.reset();
    m_sent_tickets.clear();
}

void TableWriter::flush_table(PendingTable& pending) {
    if (!pending.net.empty()) {
        flush_removed(pending);
        flush_updated(pending);
    }
    flush_inserted(pending);
    pending.net.clear();
}

void TableWriter::flush_removed(PendingTable& pending) {
    Entries entries;
    for (const KeyEntry& entry : pending.net.entries()) {
        if (entry.state == KeyState::removed || entry.state == KeyState::replaced) {
            entries.push_back(&entry);
        }
    }
    if (entries.size() < k_few) {
        for (const KeyEntry* const entry : entries) {
            remove_row(pending, {entry->key, entry->lsn});
        }
        return;
    }
    in_slices(*pending.table, entries, [&](auto slice) { remove_many(pending, slice); });
}

void TableWriter::flush_updated(PendingTable& pending) {
    const TargetTable& table = *pending.table;
    std::vector<Entries> shapes;
    std::size_t last = 0;
    for (const KeyEntry& entry : pending.net.entries()) {
        if (entry.state != KeyState::updated) {
            continue;
        }
        const auto fits = [&](const Entries& shape) {
            return same_presence(table, shape.front()->cells, entry.cells);
        };
        if (last >= shapes.size() || !fits(shapes[last])) {
            last = static_cast<std::size_t>(std::find_if(shapes.begin(), shapes.end(), fits) -
                                            shapes.begin());
            if (last == shapes.size()) {
                shapes.emplace_back();
            }
        }
        shapes[last].push_back(&entry);
    }
    for (const Entries& shape : shapes) {
        flush_shape(pending, presence(table, shape.front()->cells), shape);
    }
}

void TableWriter::flush_shape(PendingTable& pending, const sql::Places& present,
                              const Entries& entries) {
    const sql::Places set = sql::settable(*pending.table, present, false);
    Entries together;
    for (const KeyEntry* const entry : entries) {
        if (entries.size() < k_few || bytes_of(*pending.table, *entry) >= k_large_row) {
            queue_row(pending, RowKind::update, set, entry->cells, {entry->key, entry->lsn});
        } else {
            together.push_back(entry);
        }
    }
    in_slices(*pending.table, together, [&](auto slice) { update_many(pending, set, slice); });
}

void TableWriter::flush_inserted(PendingTable& pending) {
    const TargetTable& table = *pending.table;
    if (!pending.copy.empty()) {
        stream(pending);
    }
    if (m_copying == &pending) {
        close_copy();
    }
    std::vector<Cell*> rows = std::exchange(pending.rows, {});
    for (const KeyEntry& entry : pending.net.entries()) {
        if (entry.state == KeyState::inserted || entry.state == KeyState::replaced) {
            rows.push_back(entry.cells);
            pending.lsn = entry.lsn;
        }
    }
    if (rows.size() <= k_copy_rows || table.writable.empty()) {
        for (const Cell* const row : rows) {
            insert_row(pending, row, pending.lsn);
        }
        return;
    }
    for (const Cell* const row : rows) {
        const std::size_t before = pending.copy.size();
        append_copy_line(table, row, pending.copy);
        m_copy_bytes += pending.copy.size() - before;
        ++pending.copied;
        if (pending.copy.size() >= k_large_row) {
            stream(pending);
        }
    }
    stream(pending);
    close_copy();
}

void TableWriter::add_key_arrays(const TargetTable& table, std::size_t first,
                                 std::span<const KeyEntry* const> entries) {
    for (const KeyEntry* const entry : entries) {
        entry->key.cells(m_parts);
        for (std::size_t i = 0; i < table.key.size(); ++i) {
            std::string& array = m_arrays[first + i];
            const TargetColumn& column = table.columns[static_cast<std::size_t>(table.key[i])];
            array += array.empty() ? '{' : (column.text_elements ? ',' : column.delimiter);
            append_element(m_parts[i], array);
        }
    }
}

void TableWriter::remove_many(PendingTable& pending, std::span<const KeyEntry* const> entries) {
    const TargetTable& table = *pending.table;
    ready();
    Ticket ticket;
    ticket.work = Work::remove;
    ticket.table = &table;
    ticket.savepoint = "s" + std::to_string(++m_savepoints);
    for (const KeyEntry* const entry : entries) {
        ticket.many.push_back({entry->key, entry->lsn});
    }
    m_session.queue("SAVEPOINT " + ticket.savepoint, {}, ReplicaSession::k_any_rows,
                    ReplicaSession::k_no_ticket);
    if (m_open_savepoint.empty()) {
        m_open_savepoint = ticket.savepoint;
    }
    m_arrays.assign(table.key.size(), {});
    add_key_arrays(table, 0, entries);
    queue_many(sql::remove_many(table), entries.size(), std::move(ticket));
}

void TableWriter::update_many(PendingTable& pending, const sql::Places& set,
                              std::span<const KeyEntry* const> entries) {
    const TargetTable& table = *pending.table;
    ready();
    Ticket ticket;
    ticket.work = Work::update;
    ticket.table = &table;
    m_arrays.assign(set.size() + table.key.size() + table.fixed.size(), {});
    const auto add = [&](std::size_t place, int column_place, const KeyEntry& entry) {
        const TargetColumn& column = table.columns[static_cast<std::size_t>(column_place)];
        std::string& array = m_arrays[place];
        array += array.empty() ? '{' : (column.text_elements ? ',' : column.delimiter);
        append_element(entry.cells[column_place], array);
    };
    for (const KeyEntry* const entry : entries) {
        ticket.many.push_back({entry->key, entry->lsn});
        for (std::size_t i = 0; i < set.size(); ++i) {
            add(i, set[i], *entry);
        }
        for (std::size_t i = 0; i < table.fixed.size(); ++i) {
            add(set.size() + table.key.size() + i, table.fixed[i], *entry);
        }
    }
    add_key_arrays(table, set.size(), entries);
    queue_many(sql::update_many(table, set), entries.size(), std::move(ticket));
}

/// Sends m_arrays as the parameters.
void TableWriter::queue_many(const std::string& sql, std::size_t rows, Ticket ticket) {
    m_parameters.clear();
    for (std::string& array : m_arrays) {
        array += '}';
        m_parameters.push_back(array.c_str());
    }
    ticket.lsn = ticket.many.back().lsn;
    m_session.queue(sql, m_parameters, static_cast<std::int64_t>(rows), keep(std::move(ticket)));
}

void TableWriter::add_parameter(const Cell& cell) {
    m_parameters.push_back(cell.state == CellState::value ? cell.text : nullptr);
}

void TableWriter::add_parameters(Key key) {
    key.cells(m_parts);
    for (const Cell& part : m_parts) {
        add_parameter(part);
    }
}

void TableWriter::insert_row(PendingTable& pending, const Cell* cells, model::Lsn lsn) {
    m_parameters.clear();
    for (const int place : pending.table->writable) {
        add_parameter(cells[place]);
    }
    Ticket ticket;
    ticket.lsn = lsn;
    send_row(pending, RowKind::insert, {}, std::move(ticket));
}

void TableWriter::remove_row(PendingTable& pending, const KeyPlace& place) {
    m_parameters.clear();
    add_parameters(place.key);
    Ticket ticket;
    ticket.work = Work::remove;
    ticket.lsn = place.lsn;
    ticket.key = place.key;
    send_row(pending, RowKind::remove, {}, std::move(ticket));
}

void TableWriter::queue_row(PendingTable& pending, RowKind kind, const sql::Places& shape,
                            const Cell* cells, const KeyPlace& place) {
    m_parameters.clear();
    for (const int column : shape) {
        add_parameter(cells[column]);
    }
    add_parameters(place.key);
    if (kind == RowKind::update) {
        for (const int column : pending.table->fixed) {
            add_parameter(cells[column]);
        }
    }
    Ticket ticket;
    ticket.work = Work::update;
    ticket.lsn = place.lsn;
    ticket.key = place.key;
    send_row(pending, kind, shape, std::move(ticket));
}

/// From m_cells and m_identity.
void TableWriter::queue_full(PendingTable& pending, RowKind kind, const sql::Places& set,
                             model::Lsn lsn) {
    sql::Places shape = set;
    shape.push_back(-1);
    m_parameters.clear();
    for (const int place : set) {
        add_parameter(stored(m_cells[static_cast<std::size_t>(place)], m_arena));
    }
    for (std::size_t i = 0; i < m_identity.size(); ++i) {
        if (m_identity[i].state != CellState::absent) {
            shape.push_back(static_cast<int>(i));
            add_parameter(stored(m_identity[i], m_arena));
        }
    }
    Ticket ticket;
    ticket.work = kind == RowKind::update_full ? Work::update : Work::remove;
    ticket.lsn = lsn;
    ticket.row = describe_row(*pending.table, m_identity.data());
    send_row(pending, kind, shape, std::move(ticket));
}

std::string TableWriter::shape_sql(const TargetTable& table, RowKind kind,
                                   const sql::Places& shape) {
    const auto border = std::find(shape.begin(), shape.end(), -1);
    const sql::Places set(shape.begin(), border);
    const sql::Places compared(border == shape.end() ? border : border + 1, shape.end());
    switch (kind) {
    case RowKind::insert:
        return sql::insert(table);
    case RowKind::update:
        return sql::update(table, set);
    case RowKind::remove:
        return sql::remove(table);
    case RowKind::replace:
        return sql::replace(table, set);
    case RowKind::update_full:
        return sql::update_full(table, set, compared);
    case RowKind::remove_full:
        return sql::remove_full(table, compared);
    }
    return {};
}

/// Sends m_parameters to the prepared statement of this shape; it touches one row.
void TableWriter::send_row(PendingTable& pending, RowKind kind, const sql::Places& shape,
                           Ticket ticket) {
    ready();
    ticket.table = pending.table;
    const std::pair<int, sql::Places> id{static_cast<int>(kind), shape};
    auto known = pending.prepared.find(id);
    if (known == pending.prepared.end() && pending.prepared.size() < k_most_prepared) {
        const std::string name =
            "t" + std::to_string(pending.number) + "_" + std::to_string(pending.prepared.size());
        m_session.prepare(name, shape_sql(*pending.table, kind, shape));
        known = pending.prepared.emplace(id, name).first;
    }
    if (known != pending.prepared.end()) {
        m_session.queue_prepared(known->second, m_parameters, 1, keep(std::move(ticket)));
    } else {
        m_session.queue(shape_sql(*pending.table, kind, shape), m_parameters, 1,
                        keep(std::move(ticket)));
    }
    if (m_session.waiting() >= k_most_waiting) {
        settle();
    }
}

}  // namespace ardent::apply
