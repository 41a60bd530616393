// SPDX-License-Identifier: PostgreSQL
// One connector's way from segments to the replica: a thread with one replica connection that
// decodes and applies in order. Owned by the connector's session; a new session makes a new Worker
// after `stop` of the old one. All public functions may be called from any thread.
//
// What a caller does with the end of a Worker:
//   failure()       someone has to mend the replica: the connector's state is `failed`
//   session_lost()  the replica's connection broke, or `abandon`; nothing is wrong with the data.
//                   The agent has to say hello again: stop this Worker, make a new one (it reads
//                   the progress row, which also decides a COMMIT whose answer did not arrive),
//                   answer with its durable().
#pragma once

#include "common/model/lsn.hpp"
#include "common/model/search_paths.hpp"
#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "common/protocol/segment.hpp"
#include "environment/apply/applier.hpp"
#include "environment/apply/counters.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ardent::apply {

struct WorkerOptions {
    /// Role ardent_apply: NOSUPERUSER, BYPASSRLS, session_replication_role = replica from ALTER
    /// ROLE … SET. Settings and client_encoding are added here.
    pq::ConnectOptions replica;
    std::string secret;             // the writer's (environment/replica/writer_functions.hpp)
    std::string system_identifier;  // of the source, as hello said; must be the progress row's
    std::uint32_t timeline =
        0;  // of the source, as hello said; written to the progress row, when not 0, with the first segment
    std::string server_encoding = "UTF8";  // of the source, and so of the replica
    std::vector<std::string> schemas;      // what the connector replicates, as in hello
    std::vector<model::RelationName> excluded;
    model::SearchPaths search_paths;  // of the source's writers, as hello said
    DdlOptions ddl;
    std::string copies_directory;  // for tables that are copied again; ours alone
    /// Transactions whose DDL is in the replica and which a report of the source's tables may not
    /// show yet.
    std::vector<std::uint64_t> ddl_xids;
    std::uint64_t queue_bytes = 16777216;  // raw payload that may wait; `submit` waits above it
    bool delivered_only = false;           // benchmark: commits the progress row and nothing else
};

class Worker {
public:
    /// Connects, ends a session of the same role that still applies (a lost one of ours), reads the
    /// progress row and the tables, starts the thread. Throws base::Error: transient (replica not
    /// reachable), replica (no progress row, another system identifier).
    explicit Worker(WorkerOptions options);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Takes the next segment in order, decompressed. Waits until `deadline` while the queue is
    /// full. Throws base::Error (transient) at the deadline, and once stopped, failed or lost; see
    /// the two functions above for which.
    void submit(const protocol::SegmentHeader& header, std::string payload,
                std::chrono::steady_clock::time_point deadline);

    /// The last position that is committed and flushed in the replica.
    model::Lsn durable() const;
    std::optional<protocol::Failure> failure() const;
    bool session_lost() const;

    /// Waits until durable() is beyond `after`, or there is a failure, the session is lost or
    /// stopped (true), or the deadline has come (false).
    bool wait_durable(model::Lsn after, std::chrono::steady_clock::time_point deadline) const;

    /// Compares the source's tables with the replica's, and generated columns with what they were,
    /// on a short connection of its own (the calling thread works). A difference is a failure that
    /// names it; it is returned and not kept. Throws base::Error.
    std::optional<protocol::Failure> check_tables(const protocol::SchemaReport& source) const;

    /// Transactions whose DDL is committed in the replica, those of the options first.
    std::vector<std::uint64_t> ddl_xids() const;

    Counters counters() const;

    /// The tables that have to be copied again. Lives as long as the worker.
    IncomingCopies& copies() const;

    /// True while it waits for the rest of a source transaction; the target transaction's locks may
    /// be held.
    bool waits_inside() const;
    /// As `stop`, and session_lost() is true: for when the rest will not come on this session.
    void abandon();

    /// Forgets the queue, ends the running statement, rolls back the open target transaction, joins
    /// the thread. A COMMIT that is under way is waited for. May be called again.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace ardent::apply
