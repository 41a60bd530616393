// SPDX-License-Identifier: PostgreSQL
// What comes in: the decision which way a change goes.
#include "environment/apply/table_writer.hpp"

#include "environment/apply/failed.hpp"

namespace ardent::apply {

namespace {

constexpr std::size_t k_single_rows = 16;                      // more go through COPY
constexpr std::size_t k_copy_start = std::size_t{256} << 10U;  // what a COPY begins with
constexpr std::size_t k_copy_chunk = std::size_t{64} << 10U;   // and goes on with
constexpr const char* k_changed_hint =
    "The source's table was changed. Make the same change in the replica, then retry; or make a "
    "new copy.";

std::string at_lsn(model::Lsn lsn) {
    return "LSN " + model::to_string(lsn) + ": ";
}

bool differs(const Cell& now, const Cell& before) {
    return now.state != CellState::absent &&
           (now.state != before.state || now.view() != before.view());
}

bool key_changed(const TargetTable& table, const std::vector<Cell>& now,
                 const std::vector<Cell>& before) {
    for (const int place : table.key) {
        const auto i = static_cast<std::size_t>(place);
        if (differs(now[i], before[i])) {
            return true;
        }
    }
    return false;
}

// wal2json 2.3 (Debian 11) leaves the NULLs of an old row out. Nothing else of a FULL one is ever absent: the server writes
// its TOAST values whole.
void absent_is_null(std::vector<Cell>& cells) {
    for (Cell& cell : cells) {
        if (cell.state == CellState::absent) {
            cell.state = CellState::null;
        }
    }
}

void require_row(const TargetTable& table, model::Lsn lsn, const std::vector<Cell>& cells) {
    for (const int place : table.writable) {
        const auto i = static_cast<std::size_t>(place);
        if (cells[i].state == CellState::absent) {
            throw Failed(at_lsn(lsn) + "the row for table " + table.shown_name +
                             " has no value for the replica's column " +
                             shown(table.columns[i].name),
                         k_changed_hint, lsn, table.shown_name);
        }
    }
}

}  // namespace

const TargetTable& TableWriter::table(const model::Change& change) const {
    const TargetTable* const found = m_tables.find(change.schema, change.table);
    if (found == nullptr) {
        const std::string name =
            shown(std::string(change.schema) + "." + std::string(change.table));
        throw Failed(at_lsn(change.lsn) + "the replica has no table " + name,
                     "It was created at the source after the copy, or dropped here. Create it in "
                     "the replica "
                     "as it is at the source, then retry; or make a new copy.",
                     change.lsn, name);
    }
    return *found;
}

PendingTable& TableWriter::pending_of(const model::Change& change) {
    if (m_last != nullptr && m_last->table->relation.name == change.table &&
        m_last->table->relation.schema == change.schema) {
        return *m_last;
    }
    const TargetTable& target = table(change);
    std::unique_ptr<PendingTable>& pending = m_pending[&target];
    if (!pending) {
        pending = std::make_unique<PendingTable>();
        pending->table = &target;
        pending->number = m_pending.size();
    }
    m_last = pending.get();
    return *pending;
}

void TableWriter::forget() noexcept {
    m_pending.clear();
    m_touched.clear();
    m_last = nullptr;
    m_copying = nullptr;
}

void TableWriter::touch(PendingTable& pending) {
    if (!pending.touched) {
        pending.touched = true;
        m_touched.push_back(&pending);
    }
}

void TableWriter::insert(const model::Change& change) {
    PendingTable& pending = pending_of(change);
    const TargetTable& target = *pending.table;
    fill_cells(target, change.lsn, change.columns, m_cells);
    require_row(target, change.lsn, m_cells);
    touch(pending);
    if (!pending.keyed) {
        append(pending, change.lsn);
        return;
    }
    if (!make_key(target, m_cells.data(), m_key)) {
        throw Failed(at_lsn(change.lsn) + "a row for table " + target.shown_name + " has no key",
                     k_changed_hint, change.lsn, target.shown_name);
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (!NetEffect::insert(entry, m_cells, m_arena)) {
        throw Failed(
            at_lsn(change.lsn) + "INSERT into " + target.shown_name + " of the key " +
                describe_key(target, entry.key) + ", which is there already",
            "The stream contradicts itself. Please report it; a new copy mends the replica.",
            change.lsn, target.shown_name);
    }
}

KeyEntry& TableWriter::entry_at_key(PendingTable& pending, model::Lsn lsn) {
    KeyEntry& entry = pending.net.at(m_key, m_arena);
    entry.lsn = lsn;
    return entry;
}

void TableWriter::append(PendingTable& pending, model::Lsn lsn) {
    pending.lsn = lsn;
    const bool few = pending.copied == 0 && pending.rows.size() < k_single_rows;
    if (few || pending.table->writable.empty()) {
        pending.rows.push_back(stored(m_cells, m_arena));
        return;
    }
    const std::size_t before = pending.copy.size();
    for (const Cell* const row : pending.rows) {
        append_copy_line(*pending.table, row, pending.copy);
    }
    pending.copied += pending.rows.size() + 1;
    pending.rows.clear();
    append_copy_line(*pending.table, m_cells.data(), pending.copy);
    m_copy_bytes += pending.copy.size() - before;
    if (pending.copy.size() >= (m_copying == &pending ? k_copy_chunk : k_copy_start)) {
        stream(pending);
    }
}

void TableWriter::start_keys(PendingTable& pending) {
    pending.changed = true;
    if (!pending.keyed) {
        flush_inserted(pending);
        pending.keyed = pending.table->exact_key;
    }
}

/// Reads the message's old key into m_key and the old values into m_identity.
void TableWriter::read_old_key(const PendingTable& pending, const model::Change& change) {
    const TargetTable& target = *pending.table;
    if (target.key.empty()) {
        throw Failed(
            at_lsn(change.lsn) + "table " + target.shown_name +
                " has no replica identity in the replica, so its rows cannot be found again",
            k_changed_hint, change.lsn, target.shown_name);
    }
    fill_cells(target, change.lsn, change.identity.empty() ? change.columns : change.identity,
               m_identity);
    if (!make_key(target, m_identity.data(), m_key)) {
        throw Failed(at_lsn(change.lsn) + "the message does not have all key columns of table " +
                         target.shown_name,
                     k_changed_hint, change.lsn, target.shown_name);
    }
}

void TableWriter::update(const model::Change& change) {
    PendingTable& pending = pending_of(change);
    const TargetTable& target = *pending.table;
    touch(pending);
    fill_cells(target, change.lsn, change.columns, m_cells);
    if (target.full) {
        update_full(pending, change);
        return;
    }
    read_old_key(pending, change);
    start_keys(pending);
    if (!pending.keyed || key_changed(target, m_cells, m_identity)) {
        flush_table(pending);
        update_row(pending, change.lsn);
        return;
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (entry.state == KeyState::fresh && target.other_unique) {
        // Many updates in one statement could meet in the other index on their way.
        flush_table(pending);
        update_row(pending, change.lsn);
        return;
    }
    if (!NetEffect::update(entry, m_cells, m_arena)) {
        fail_missing(Work::update, target, describe_key(target, entry.key), change.lsn);
    }
}

void TableWriter::remove(const model::Change& change) {
    PendingTable& pending = pending_of(change);
    touch(pending);
    if (pending.table->full) {
        remove_full(pending, change);
        return;
    }
    read_old_key(pending, change);
    start_keys(pending);
    if (!pending.keyed) {
        remove_row(pending, {Key(m_arena.copy(m_key)), change.lsn});
        return;
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (!NetEffect::remove(entry)) {
        fail_missing(Work::remove, *pending.table, describe_key(*pending.table, entry.key),
                     change.lsn);
    }
}

/// One UPDATE of its own, from m_cells, m_identity and m_key.
void TableWriter::update_row(PendingTable& pending, model::Lsn lsn) {
    const TargetTable& target = *pending.table;
    sql::Places present;
    bool replaced = false;
    for (std::size_t i = 0; i < m_cells.size(); ++i) {
        const TargetColumn& column = target.columns[i];
        const bool same_key = column.key && !differs(m_cells[i], m_identity[i]);
        if (m_cells[i].state == CellState::absent || column.generated || same_key) {
            continue;
        }
        present.push_back(static_cast<int>(i));
        replaced = replaced || (column.key && column.identity_always);
    }
    const Key key(m_arena.copy(m_key));
    for (std::size_t i = 0; i < m_cells.size(); ++i) {
        m_cells[i] =
            stored(m_cells[i].state == CellState::absent && target.columns[i].key ? m_identity[i]
                                                                                  : m_cells[i],
                   m_arena);
    }
    if (replaced) {
        queue_row(pending, RowKind::replace, present, m_cells.data(), {key, lsn});
    } else {
        queue_row(pending, RowKind::update, sql::settable(target, present, true), m_cells.data(),
                  {key, lsn});
    }
}

void TableWriter::update_full(PendingTable& pending, const model::Change& change) {
    const TargetTable& target = *pending.table;
    start_keys(pending);
    fill_cells(target, change.lsn, change.identity, m_identity);
    absent_is_null(m_identity);
    sql::Places present;
    for (std::size_t i = 0; i < m_cells.size(); ++i) {
        if (m_cells[i].state != CellState::absent) {
            present.push_back(static_cast<int>(i));
        }
    }
    queue_full(pending, RowKind::update_full, sql::settable(target, present, true), change.lsn);
}

void TableWriter::remove_full(PendingTable& pending, const model::Change& change) {
    start_keys(pending);
    fill_cells(*pending.table, change.lsn, change.identity, m_identity);
    absent_is_null(m_identity);
    queue_full(pending, RowKind::remove_full, {}, change.lsn);
}

void TableWriter::truncate(const std::vector<const TargetTable*>& tables, model::Lsn lsn) {
    flush();
    ready();
    Ticket ticket;
    ticket.table = tables.front();
    ticket.work = Work::truncate;
    ticket.lsn = lsn;
    m_session.queue(sql::truncate(tables), {}, ReplicaSession::k_any_rows, keep(std::move(ticket)));
    settle();
}

}  // namespace ardent::apply
