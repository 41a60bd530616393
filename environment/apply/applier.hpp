// SPDX-License-Identifier: PostgreSQL
// Follows the stream's transactions and makes target transactions of them: one or more whole source
// transactions and the progress row. Owned by the Worker; its thread only.
//
// A source transaction shares its target transaction with others, except one whose end has not come
// yet, in its segment or the next, which has the ones before it committed first, and one with
// TRUNCATE or DDL, which is alone.
//
// The changes of a table that has to be copied again are held, in the same target transaction
// (held_tables.hpp). Its copy is taken between transactions, once the position has come to the
// source's WAL end behind the copy's snapshot: what the snapshot shows is then applied everywhere
// else, and what it does not show was held or is still to come.
#pragma once

#include "common/decode/wal2json.hpp"
#include "common/model/lsn.hpp"
#include "common/model/search_paths.hpp"
#include "common/protocol/segment.hpp"
#include "environment/apply/counters.hpp"
#include "environment/apply/early_rows.hpp"
#include "environment/apply/held_tables.hpp"
#include "environment/apply/incoming_copies.hpp"
#include "environment/apply/replica_session.hpp"
#include "environment/apply/table_writer.hpp"
#include "environment/replay/gate.hpp"
#include "environment/replay/replayer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ardent::apply {

/// Thrown by Applier::apply when it was told to stop.
struct Stopped {};

/// How DDL messages are treated.
struct DdlOptions {
    replay::Origin origin;
    replay::ReplayerOptions replayer;
    std::optional<model::Lsn> skip;  // the one message that the operator leaves out
};

struct ApplierOptions {
    std::string server_encoding;  // of the source, and so of the replica
    std::uint32_t timeline = 0;   // of the source: into the progress row; 0: the row keeps its own
    model::SearchPaths search_paths;  // of the source's writers
    DdlOptions ddl;
};

class Applier {
public:
    /// Called after each COMMIT with the new position and all that is committed since the start.
    using Committed = std::function<void(model::Lsn durable, const Counters& counters)>;
    /// The payload of the segment after the one that is applied; empty when it has not come yet.
    using NextPayload = std::function<std::string_view()>;

    /// `tables` is read anew after DDL.
    Applier(ReplicaSession& session, TargetTables& tables, IncomingCopies& incoming,
            const ApplierOptions& options, model::Lsn durable, Committed committed,
            NextPayload next_payload);

    /// Applies the messages; commits on the way when enough is pending. Throws Failed, base::Error,
    /// Stopped.
    void apply(const protocol::SegmentHeader& header, std::string_view payload,
               const std::atomic<bool>& stopping);
    /// Takes the segment's position and nothing else of it.
    void deliver(const protocol::SegmentHeader& header, std::size_t bytes);

    /// True when whole transactions or an idle position wait for a commit, and none is cut in the
    /// middle.
    bool pending() const noexcept { return !m_open && m_end > m_flight.end; }
    /// Sends the target transaction's statements; its commit is then under way while more messages
    /// are read. Waits for the end of the one before.
    void start_commit();
    bool committing() const noexcept { return m_session.committing(); }
    /// Goes on with the commit under way, waiting at most this long for the server.
    void continue_commit(std::chrono::milliseconds most);
    /// Between source transactions: puts the tables that were copied again, and that the replica
    /// has come up to, in their place, with the changes that were held for them. What is pending is
    /// committed before. Throws as `apply`.
    void take_copies(const std::atomic<bool>& stopping);
    /// True between a source transaction's begin and commit.
    bool inside() const noexcept { return m_open; }
    /// The source's transactions whose DDL is committed here, since the last call; with epochs.
    std::vector<std::uint64_t> take_ddl_xids() { return std::exchange(m_ddl_done, {}); }

private:
    void read(const protocol::MessageView& message, const protocol::MessageReader& rest);
    /// nullptr for a logical message that was counted as refused.
    const model::Change* read_change(const protocol::MessageView& message);
    void begin(const model::Change& change, const protocol::MessageReader& rest);
    void end(const model::Change& change);
    void change_row(const model::Change& change);
    void write_row(const model::Change& change);
    bool hold(const model::Change& change);
    /// True for a change of a table that a later statement of its transaction may make.
    bool is_early(const model::Change& change);
    void write_held();
    void load(const ReadyCopy& copy, const std::atomic<bool>& stopping);
    void load_rows(const ReadyCopy& copy, const std::atomic<bool>& stopping);
    void catch_up(const ReadyCopy& copy, const std::atomic<bool>& stopping);
    void truncate(const model::Change& change);
    void finish_truncate();
    void read_message(const model::Change& change);
    void ddl(const model::DdlStatement& statement, const model::Change& change);
    void refused(const std::string& why, model::Lsn lsn);
    void read_table(const model::Change& change);
    void read_table(const model::RelationName& relation);
    void advance(model::Lsn position);
    void finish_commit();
    void committed();
    template <class Step>
    void step_commit(Step step);
    void require_open(const model::Change& change, bool open) const;

    ReplicaSession& m_session;
    TargetTables& m_tables;
    TableWriter m_writer;
    IncomingCopies& m_incoming;
    HeldTables m_held;
    EarlyRows m_early;
    const std::string m_encoding;
    const std::string m_timeline;
    std::string_view m_message;  // the text that is read
    replay::Gate m_gate;
    replay::Replayer m_replayer;
    std::optional<model::Lsn> m_skip_ddl;
    decode::Wal2jsonDecoder m_decoder;
    Committed m_committed;
    NextPayload m_next_payload;
    Counters m_counters;

    /// The target transaction whose commit is under way, or the last one.
    struct Flight {
        model::Lsn end;
        std::uint64_t transactions = 0;
        std::string timestamp;
    };

    model::Lsn m_durable;
    Flight m_flight;
    model::Lsn m_end;           // of what is pending; m_flight.end when nothing is
    model::Lsn m_ddl_end;       // commit end of the last one with DDL or TRUNCATE, or the start
    model::Lsn m_open_end;      // commit end that the open transaction's begin announced
    bool m_open = false;        // between begin and commit
    bool m_skip = false;        // the open transaction is durable already
    bool m_alone = false;       // the open transaction has a TRUNCATE or DDL
    bool m_tables_old = false;  // DDL came since they were read
    std::uint64_t m_pending_transactions = 0;
    std::uint64_t m_pending_bytes = 0;
    unsigned m_messages = 0;  // read since the commit under way was looked at
    std::string m_timestamp;  // of the last pending commit
    std::vector<const TargetTable*> m_truncated;
    model::Lsn m_truncate_lsn;
    model::Lsn m_truncate_held;  // of a TRUNCATE that named a table whose changes are held
    std::vector<std::uint64_t> m_ddl_open;  // of target transactions that are not committed
    std::vector<std::uint64_t> m_ddl_done;
};

}  // namespace ardent::apply
