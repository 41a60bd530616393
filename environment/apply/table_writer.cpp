// SPDX-License-Identifier: PostgreSQL
// What comes in: the decision which way a change goes.
#include "environment/apply/table_writer.hpp"

#include "environment/apply/failed.hpp"

namespace ardent::apply {

namespace {

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

void require_row(const TargetTable& table, model::Lsn lsn, const std::vector<Cell>& cells) {
    for (const int place : table.stored) {
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

PendingTable* TableWriter::find_pending(const model::Change& change) {
    if (m_last != nullptr && m_last->table->relation.name == change.table &&
        m_last->table->relation.schema == change.schema) {
        return m_last;
    }
    const TargetTable* const target = m_tables.find(change.schema, change.table);
    if (target == nullptr) {
        return nullptr;
    }
    std::unique_ptr<PendingTable>& pending = m_pending[target];
    if (!pending) {
        pending = std::make_unique<PendingTable>();
        pending->table = target;
    }
    m_last = pending.get();
    return m_last;
}

PendingTable& TableWriter::pending_of(const model::Change& change) {
    PendingTable* const found = find_pending(change);
    if (found == nullptr) {
        throw no_table({std::string(change.schema), std::string(change.table)}, change.lsn);
    }
    return *found;
}

void TableWriter::forget() noexcept {
    m_pending.clear();
    m_touched.clear();
    m_last = nullptr;
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
        add_operation(pending, [&](Operations& operations) {
            operations.insert(target, m_cells.data(), change.lsn);
        });
        return;
    }
    if (!make_key(target, m_cells.data(), m_key)) {
        throw Failed(at_lsn(change.lsn) + "a row for table " + target.shown_name + " has no key",
                     k_changed_hint, change.lsn, target.shown_name);
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (!NetEffect::insert(entry, m_cells, m_arena)) {
        throw Failed(
            at_lsn(change.lsn) + "INSERT into " + target.shown_name +
                " of a key that is there already",
            "The stream contradicts itself. Please report it; a new copy mends the replica.",
            change.lsn, target.shown_name, {}, describe_key(target, entry.key));
    }
}

KeyEntry& TableWriter::entry_at_key(PendingTable& pending, model::Lsn lsn) {
    KeyEntry& entry = pending.net.at(m_key, m_arena);
    entry.lsn = lsn;
    return entry;
}

void TableWriter::start_keys(PendingTable& pending) {
    pending.changed = true;
    pending.keyed = pending.keyed || pending.table->exact_key;
}

/// Reads the message's old values into m_old_cells, those of the identity into m_identity, and its
/// key into m_key.
void TableWriter::read_identity(const PendingTable& pending, const model::Change& change) {
    const TargetTable& target = *pending.table;
    if (target.key.empty() && !target.full) {
        throw Failed(
            at_lsn(change.lsn) + "table " + target.shown_name +
                " has no replica identity in the replica, so its rows cannot be found again",
            k_changed_hint, change.lsn, target.shown_name);
    }
    // Without an old key the key is unchanged. A FULL row of NULLs only has nothing to tell in
    // wal2json 2.3.
    const bool told = target.full || !change.identity.empty();
    fill_cells(target, change.lsn, told ? change.identity : change.columns, m_old_cells);
    if (!target.full && !make_key(target, m_old_cells.data(), m_key)) {
        throw Failed(at_lsn(change.lsn) + "the message does not have all key columns of table " +
                         target.shown_name,
                     k_changed_hint, change.lsn, target.shown_name);
    }
    m_identity.clear();
    for (const int place : target.identity) {
        Cell& cell = m_identity.emplace_back(m_old_cells[static_cast<std::size_t>(place)]);
        // wal2json 2.3 (Debian 11) leaves the NULLs of an old row out. Nothing else of a FULL one
        // is ever absent: the server writes its TOAST values whole.
        if (cell.state == CellState::absent) {
            cell.state = CellState::null;
        }
    }
}

void TableWriter::update(const model::Change& change) {
    PendingTable& pending = pending_of(change);
    const TargetTable& target = *pending.table;
    touch(pending);
    fill_cells(target, change.lsn, change.columns, m_cells);
    read_identity(pending, change);
    start_keys(pending);
    if (!pending.keyed || key_changed(target, m_cells, m_old_cells)) {
        update_row(pending, change.lsn);
        return;
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (entry.state == KeyState::fresh && target.other_unique) {
        // Many updates that were merged by key could meet in the other index on their way.
        update_row(pending, change.lsn);
        return;
    }
    if (!NetEffect::update(entry, m_cells, m_arena)) {
        fail_missing('u', target, describe_key(target, entry.key), change.lsn);
    }
}

/// The change of m_identity to m_cells, behind all that came before it.
void TableWriter::update_row(PendingTable& pending, model::Lsn lsn) {
    write_net(pending);
    add_operation(pending, [&](Operations& operations) {
        operations.update(*pending.table, m_identity, m_cells.data(), lsn);
    });
}

void TableWriter::remove(const model::Change& change) {
    PendingTable& pending = pending_of(change);
    touch(pending);
    read_identity(pending, change);
    start_keys(pending);
    if (!pending.keyed) {
        add_operation(pending,
                      [&](Operations& operations) { operations.remove(m_identity, change.lsn); });
        return;
    }
    KeyEntry& entry = entry_at_key(pending, change.lsn);
    if (!NetEffect::remove(entry)) {
        fail_missing('d', *pending.table, describe_key(*pending.table, entry.key), change.lsn);
    }
}

}  // namespace ardent::apply
