// SPDX-License-Identifier: PostgreSQL
// Takes the changes of one batch, keeps their net effect table by table, and turns it into statements of the
// open target transaction. Which way a change goes (net effect, or row by row in source order) is decided
// here; what a transaction is, the Applier knows. One thread; owned by the Applier.
#pragma once

#include "common/model/change.hpp"
#include "environment/apply/arena.hpp"
#include "environment/apply/cells.hpp"
#include "environment/apply/net_effect.hpp"
#include "environment/apply/replica_session.hpp"
#include "environment/apply/statements.hpp"
#include "environment/apply/target_table.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ardent::apply {

/// One table's share of the batch.
struct PendingTable {
    const TargetTable* table = nullptr;
    std::size_t number = 0;  // in the names of its prepared statements
    bool touched = false;    // something waits here
    /// False while the table sees nothing but inserts: rows are then written without looking at their keys.
    bool keyed = false;
    bool changed = false;  // an update or delete came in this batch
    NetEffect net;
    std::vector<Cell*> rows;   // not keyed: the first few
    std::string copy;          // not keyed: the rest, as COPY text
    std::uint64_t copied = 0;  // rows in `copy`, or sent of an open COPY
    model::Lsn lsn;            // of the last insert
    std::map<std::pair<int, sql::Places>, std::string> prepared;  // kind and shape: name
};

class TableWriter {
public:
    /// `before_sending` is called before anything goes to the session: it waits for a commit on its way.
    TableWriter(ReplicaSession& session, const TargetTables& tables,
                std::function<void()> before_sending)
        : m_session(session), m_tables(tables), m_before_sending(std::move(before_sending)) {}

    /// Each throws Failed when the change does not fit the replica, base::Error when the connection broke.
    void insert(const model::Change& change);
    void update(const model::Change& change);
    void remove(const model::Change& change);
    /// The tables of one TRUNCATE; everything before it is written first.
    void truncate(const std::vector<const TargetTable*>& tables, model::Lsn lsn);

    const TargetTable& table(const model::Change& change) const;
    /// False for a table whose rows the replica does not take from the stream.
    bool follows(const model::Change& change) { return pending_of(change).table->followed; }
    /// The tables are about to be read anew: nothing waits, and no commit is under way.
    void forget() noexcept;

    /// Writes everything that waits; answers may still be on their way.
    void flush();
    /// Waits for the answers. After `flush` the batch's memory is given back.
    void settle();
    /// After `flush`: what was queued belongs to a commit from here on, and its memory is kept until `released`;
    /// the next batch may begin.
    void hand_over();
    void released() noexcept;
    /// Throws what a failed statement of the batch that was handed over was about.
    [[noreturn]] void fail_handed_over(const StatementError& error);

    /// Bytes that wait to be written.
    std::size_t bytes() const noexcept { return m_arena.used() + m_copy_bytes; }

private:
    enum class Work : char { insert, update, remove, truncate };
    /// Prepared statements of one row; each kind with its own shape (see shape_sql).
    enum class RowKind : char { insert, update, remove, replace, update_full, remove_full };

    struct KeyPlace {
        Key key;
        model::Lsn lsn;
    };
    /// What a queued statement was about, to tell its failure.
    struct Ticket {
        const TargetTable* table = nullptr;
        Work work = Work::insert;
        model::Lsn lsn;
        Key key;                     // of one row
        std::string row;             // REPLICA IDENTITY FULL: the old row, for people
        std::vector<KeyPlace> many;  // of many
        std::string savepoint;       // set before a DELETE of many
    };
    using Entries = std::vector<const KeyEntry*>;

    PendingTable& pending_of(const model::Change& change);
    void touch(PendingTable& pending);
    KeyEntry& entry_at_key(PendingTable& pending, model::Lsn lsn);
    void append(PendingTable& pending, model::Lsn lsn);
    void start_keys(PendingTable& pending);
    void read_old_key(const PendingTable& pending, const model::Change& change);
    void update_row(PendingTable& pending, model::Lsn lsn);
    void update_full(PendingTable& pending, const model::Change& change);
    void remove_full(PendingTable& pending, const model::Change& change);

    void ready();
    void stream(PendingTable& pending);
    void close_copy();
    void flush_table(PendingTable& pending);
    void flush_removed(PendingTable& pending);
    void flush_updated(PendingTable& pending);
    void flush_shape(PendingTable& pending, const sql::Places& present, const Entries& entries);
    void flush_inserted(PendingTable& pending);
    void remove_many(PendingTable& pending, std::span<const KeyEntry* const> entries);
    void update_many(PendingTable& pending, const sql::Places& set,
                     std::span<const KeyEntry* const> entries);
    void add_key_arrays(const TargetTable& table, std::size_t first,
                        std::span<const KeyEntry* const> entries);
    void queue_many(const std::string& sql, std::size_t rows, Ticket ticket);

    void insert_row(PendingTable& pending, const Cell* cells, model::Lsn lsn);
    void remove_row(PendingTable& pending, const KeyPlace& place);
    void queue_row(PendingTable& pending, RowKind kind, const sql::Places& shape, const Cell* cells,
                   const KeyPlace& place);
    void queue_full(PendingTable& pending, RowKind kind, const sql::Places& set, model::Lsn lsn);
    void send_row(PendingTable& pending, RowKind kind, const sql::Places& shape, Ticket ticket);
    static std::string shape_sql(const TargetTable& table, RowKind kind, const sql::Places& shape);
    void add_parameter(const Cell& cell);
    void add_parameters(Key key);

    void release_savepoints();
    std::size_t keep(Ticket ticket);
    [[noreturn]] void fail(const StatementError& error);
    [[noreturn]] void fail_many(const Ticket& ticket, const StatementError& error);
    [[noreturn]] static void fail_missing(Work work, const TargetTable& table,
                                          const std::string& row, model::Lsn lsn);

    ReplicaSession& m_session;
    const TargetTables& m_tables;
    std::function<void()> m_before_sending;
    Arena m_arena;
    Arena m_sent_arena;                  // of the batch that is being committed
    std::vector<Ticket> m_sent_tickets;  // and what its statements were about
    std::map<const TargetTable*, std::unique_ptr<PendingTable>> m_pending;
    PendingTable* m_last = nullptr;
    std::vector<PendingTable*> m_touched;
    PendingTable* m_copying = nullptr;
    std::size_t m_copy_bytes = 0;
    std::vector<Ticket> m_tickets;
    std::size_t m_savepoints = 0;
    std::string m_open_savepoint;  // the first that was set since the last answers; empty: none

    std::vector<Cell> m_cells;     // of the message being read
    std::vector<Cell> m_identity;  // its old values
    std::string m_key;
    std::vector<Cell> m_parts;  // of a key
    std::vector<const char*> m_parameters;
    std::vector<std::string> m_arrays;
};

}  // namespace ardent::apply
