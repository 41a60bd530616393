// SPDX-License-Identifier: PostgreSQL
// What goes out: the changes of a batch as calls of the replica's writer.
#include "environment/apply/table_writer.hpp"

#include <algorithm>
#include <utility>

namespace ardent::apply {

/// Puts the net effect behind the operations: what is gone first, so that other keys may take the
/// places in other unique indexes, then what changed, then what is new.
void TableWriter::write_net(PendingTable& pending) {
    if (pending.net.empty()) {
        return;
    }
    const TargetTable& table = *pending.table;
    const std::vector<KeyEntry>& entries = pending.net.entries();
    const auto each = [&](auto has_state, auto write) {
        for (const KeyEntry& entry : entries) {
            if (has_state(entry.state)) {
                add_operation(pending, [&](Operations& operations) { write(operations, entry); });
            }
        }
    };
    each([](KeyState state) { return state == KeyState::removed || state == KeyState::replaced; },
         [&](Operations& operations, const KeyEntry& entry) {
             entry.key.cells(m_parts);
             operations.remove(m_parts, entry.lsn);
         });
    each([](KeyState state) { return state == KeyState::updated; },
         [&](Operations& operations, const KeyEntry& entry) {
             entry.key.cells(m_parts);
             operations.update(table, m_parts, entry.cells, entry.lsn);
         });
    each([](KeyState state) { return state == KeyState::inserted || state == KeyState::replaced; },
         [&](Operations& operations, const KeyEntry& entry) {
             operations.insert(table, entry.cells, entry.lsn);
         });
    pending.net.clear();
}

void TableWriter::send(PendingTable& pending) {
    if (pending.operations.empty()) {
        return;
    }
    m_before_sending();
    m_session.begin();
    try {
        m_session.read_answers();
    } catch (const StatementError& error) {
        fail(error);
    }
    const std::size_t waiting = m_session.first_waiting();
    for (; m_written < std::min(waiting, m_tickets.size()); ++m_written) {
        m_tickets[m_written].bytes = {};
    }
    const TargetTable& table = *pending.table;
    m_operation_bytes -= pending.operations.size();
    const std::size_t place = keep({&table, {}, pending.operations.take()});
    m_session.queue_rows({table.oid, m_paths.of(table.owner), table.identity_numbers,
                          table.stored_numbers, m_tickets[place].bytes},
                         place);
}

void TableWriter::flush() {
    for (PendingTable* const pending : m_touched) {
        write_net(*pending);
        send(*pending);
        pending->keyed = pending->keyed && pending->changed;
        pending->changed = false;
        pending->touched = false;
    }
    m_touched.clear();
    m_arena.reset();
}

void TableWriter::settle() {
    m_before_sending();  // the answers of a commit on its way are not ours to read
    try {
        m_session.drain();
    } catch (const StatementError& error) {
        fail(error);
    }
    m_tickets.clear();
    m_written = 0;
}

void TableWriter::hand_over() {
    m_sent_tickets = std::exchange(m_tickets, {});
    m_written = 0;
}

void TableWriter::truncate(const std::vector<const TargetTable*>& tables, model::Lsn lsn) {
    flush();
    m_before_sending();
    m_session.begin();
    std::string oids;
    for (const TargetTable* const table : tables) {
        oids += (oids.empty() ? "{" : ",") + table->oid;
    }
    m_session.queue_truncate(oids + "}", keep({tables.front(), lsn, {}}));
    settle();
}

}  // namespace ardent::apply
