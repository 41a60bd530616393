// SPDX-License-Identifier: PostgreSQL
// Row changes on their way into the replica. What can be is kept back until `flush`, as the net
// effect of the batch by key; whatever could come out otherwise that way goes change by change, in
// the source's order:
//
//   no exact key (equal values, different text)        every change
//   a changed key                                      this change
//   another unique or exclusion index                  every UPDATE of a row that the
//                                                      batch did not make
//
// All of one table goes in one order. Between tables there is none, and none is needed: no foreign
// key and no trigger looks from one to the other. What is written goes to ardent.write_rows in
// parts, while more is read.
//
// Names and values are in the source's server encoding; so is the replica's. One thread.
#pragma once

#include "common/model/change.hpp"
#include "common/model/search_paths.hpp"
#include "environment/apply/net_effect.hpp"
#include "environment/apply/operations.hpp"
#include "environment/apply/replica_session.hpp"
#include "environment/apply/target_table.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

/// One table's part of the batch.
struct PendingTable {
    const TargetTable* table = nullptr;
    bool touched = false;  // something waits here
    /// False while the table sees nothing but inserts: rows then go without looking at their keys.
    bool keyed = false;
    bool changed = false;  // an update or delete came in this batch
    NetEffect net;
    Operations operations;  // in order; what is in `net` comes behind them
};

class TableWriter {
public:
    /// `before_sending` is called before anything goes to the session: it waits for a commit on its
    /// way.
    TableWriter(ReplicaSession& session, const TargetTables& tables, model::SearchPaths paths,
                std::function<void()> before_sending)
        : m_session(session),
          m_tables(tables),
          m_paths(std::move(paths)),
          m_before_sending(std::move(before_sending)) {}

    /// Each throws Failed when the change does not fit the replica, base::Error when the connection
    /// broke.
    void insert(const model::Change& change);
    void update(const model::Change& change);
    void remove(const model::Change& change);
    /// The tables of one TRUNCATE; everything before it is written first.
    void truncate(const std::vector<const TargetTable*>& tables, model::Lsn lsn);

    /// Whether the replica has the change's table; the next ones throw Failed when it has not.
    bool has(const model::Change& change) { return find_pending(change) != nullptr; }
    const TargetTable& table(const model::Change& change) { return *pending_of(change).table; }
    /// False for a table whose rows the replica does not take from the stream.
    bool follows(const model::Change& change) { return pending_of(change).table->followed; }
    const model::SearchPaths& search_paths() const noexcept { return m_paths; }
    /// The tables are about to be read anew: nothing waits, and no commit is under way.
    void forget() noexcept;

    /// Writes everything that waits; answers may still be on their way.
    void flush();
    /// Waits for the answers. After `flush` the batch's memory is given back.
    void settle();
    /// After `flush`: what was queued belongs to a commit from here on, and what it was about is
    /// kept until `released`; the next batch may begin.
    void hand_over();
    void released() noexcept { m_sent_tickets.clear(); }
    /// Throws what a failed statement of the batch that was handed over was about.
    [[noreturn]] void fail_handed_over(const StatementError& error);

    /// Bytes that wait to be written.
    std::size_t bytes() const noexcept { return m_arena.used() + m_operation_bytes; }

private:
    // What one call takes: enough that the call itself costs little, and little enough that the
    // server begins early.
    static constexpr std::size_t k_send_bytes = std::size_t{256} << 10U;

    /// What a queued statement was about, to tell its failure.
    struct Ticket {
        const TargetTable* table = nullptr;
        model::Lsn lsn;     // of a TRUNCATE
        std::string bytes;  // of changes; empty once they are written
    };

    PendingTable* find_pending(const model::Change& change);
    PendingTable& pending_of(const model::Change& change);
    void touch(PendingTable& pending);
    KeyEntry& entry_at_key(PendingTable& pending, model::Lsn lsn);
    void start_keys(PendingTable& pending);
    void read_identity(const PendingTable& pending, const model::Change& change);
    void update_row(PendingTable& pending, model::Lsn lsn);

    void flush_table(PendingTable& pending);
    void write_net(PendingTable& pending);
    /// Adds operations by `write(operations)` and sends what has become enough.
    template <class Write>
    void add_operation(PendingTable& pending, Write write) {
        const std::size_t before = pending.operations.size();
        write(pending.operations);
        m_operation_bytes += pending.operations.size() - before;
        if (pending.operations.size() >= k_send_bytes) {
            send(pending);
        }
    }
    void send(PendingTable& pending);

    std::size_t keep(Ticket ticket);
    [[noreturn]] void fail(const StatementError& error);
    [[noreturn]] static void fail_missing(char letter, const TargetTable& table,
                                          const std::string& row, model::Lsn lsn);

    ReplicaSession& m_session;
    const TargetTables& m_tables;
    const model::SearchPaths m_paths;
    std::function<void()> m_before_sending;
    Arena m_arena;  // of the rows in `net`
    std::map<const TargetTable*, std::unique_ptr<PendingTable>> m_pending;
    PendingTable* m_last = nullptr;
    std::vector<PendingTable*> m_touched;
    std::size_t m_operation_bytes = 0;
    std::vector<Ticket> m_tickets;
    std::vector<Ticket> m_sent_tickets;  // of the batch that is being committed
    std::size_t m_written = 0;           // tickets whose changes are written

    std::vector<Cell> m_cells;      // of the message being read
    std::vector<Cell> m_old_cells;  // its old values
    std::vector<Cell> m_identity;   // those of the identity's columns
    std::vector<Cell> m_parts;      // of a key in the net effect
    std::string m_key;
};

}  // namespace ardent::apply
