// SPDX-License-Identifier: PostgreSQL
// One connector: its record, its replica's instance, the agent's session, the worker that applies,
// the copy.
//
// Calls come from HTTP threads, several at once. Two locks, taken in this order: the life-cycle
// lock (hello, begin of a copy, retry, removal, and the keeper's look) over the field lock
// (everything shorter). A thread of its own, the keeper, sees every second whether the replica's
// server lives, and starts it again; and whether a worker waits for the rest of a transaction from
// an agent that is silent, and gives it up.
//
// Kept by std::shared_ptr in the registry, because a request may still use a connector that is
// being removed.
#pragma once

#include "common/protocol/messages.hpp"
#include "common/protocol/segment.hpp"
#include "environment/apply/worker.hpp"
#include "environment/config/settings.hpp"
#include "environment/connector/copy_job.hpp"
#include "environment/connector/sequence_ledger.hpp"
#include "environment/connector/sequencer.hpp"
#include "environment/instance/instance.hpp"
#include "environment/state/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ardent::environment {

/// hello is refused because the preflight report has failures.
class PreflightRefused : public base::Error {
public:
    PreflightRefused(const std::string& message, std::string report)
        : base::Error(base::ErrorKind::source, message), m_report(std::move(report)) {}
    const std::string& report() const noexcept { return m_report; }

private:
    std::string m_report;  // JSON text
};

/// Since the environment started.
struct RowCounts {
    std::uint64_t transactions = 0;
    std::uint64_t rows = 0;
    std::uint64_t ddl_applied = 0;
    std::uint64_t ddl_left_out = 0;
    std::uint64_t ddl_refused = 0;
    std::string ddl_last_refused;
};

/// What is told about a connector.
struct ConnectorView {
    ConnectorRecord record;
    std::string status;  // the word of states.hpp
    std::vector<std::string> warnings;
    std::optional<model::Lsn> durable;
    bool agent_connected = false;
    std::optional<protocol::CopyState> copy;
    bool replica_running = false;
    std::string_view containment;  // "bubblewrap", "none"; empty: there is no replica
    std::string_view volume;       // how branches of it are cut; empty: there is no replica
    std::string psql;              // how to look at the replica; empty: there is none
    RowCounts applied;
    std::optional<SequenceState> sequences;  // nullopt: no report of this session is in the replica
    std::vector<apply::CopyAgainView> copy_again;
};

/// What an operator should know: values that are old, or could not be set. Pure.
std::vector<std::string> sequence_warnings(const SequenceState& state);

/// What branches are cut from.
struct CutSource {
    std::shared_ptr<Instance> replica;
    std::string connector_name;
    std::string database;
    int major = 0;
    std::vector<DisabledTrigger> triggers;
    std::vector<std::string> missing;     // what the replica does not have of its source, in words
    std::string warning;                  // empty: none
    bool allow_stale = false;             // what is cut may have tables that wait for a copy
    std::vector<std::string> superusers;  // of the source, as its agent told last; none: not known
};

class Connector {
public:
    Connector(const Settings& settings, Store& store, ConnectorRecord record);
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    std::string id() const;
    ConnectorView view() const;
    /// Waits for nothing.
    bool authorizes(std::string_view token) const;
    /// These two change nothing when the state cannot be saved.
    void set_token_hash(const std::string& hash);
    /// What is nullopt stays as it is. Another list of extensions counts from the next statement or
    /// copy on.
    void update(const std::optional<std::string>& name,
                const std::optional<std::vector<std::string>>& drop_extensions);

    // The agent's calls, docs/protocol.md. They throw HttpError, PreflightRefused, base::Error.
    protocol::Welcome hello(const protocol::Hello& hello);
    std::string begin_copy(const protocol::CopyBegin& begin);
    std::shared_ptr<CopyJob> copy(const std::string& copy_id) const;
    /// Does something with the tables that have to be copied again, as long as the session lives.
    template <class Do>
    auto with_copies(Do act) const {
        const auto current = streaming_session();
        return act(current->worker->copies());
    }
    protocol::Progress segment(const protocol::SegmentHeader& header, std::string payload);
    protocol::Progress position(const std::string& session, std::optional<model::Lsn> after,
                                std::chrono::milliseconds wait);
    protocol::Progress schema(const protocol::SchemaReport& report);
    protocol::Progress sequences(const protocol::SequenceReport& report);
    void status(const protocol::AgentStatus& status);

    /// Throws HttpError 422, with the reason, while there is nothing whole to cut from: it does not
    /// stream, or tables wait for a copy. With `allow_stale` a replica that is there will do, and
    /// the warning says what it is.
    CutSource cut_source(bool allow_stale) const;
    /// Of the source, as its agent told last; none: not known.
    std::vector<std::string> superusers() const;
    /// Whether the replica has a role of this name; nullopt: there is no replica to be asked.
    std::optional<bool> has_role(const std::string& role) const;

    // The operator's calls.
    /// Forgets the failure; with `resync` the next hello answers `copy`. The DDL message at
    /// `skip_ddl` is left out, and none when there is no such.
    void retry_setup(bool resync, std::optional<model::Lsn> skip_ddl);
    /// From now on hello is refused and nothing is applied.
    void begin_removal();
    /// Stops everything and removes the replica.
    void remove();

    /// Starts the replica of a connector that has one, so that it is readable without an agent.
    /// What prevents it becomes the connector's failure, or is tried again by the keeper.
    void start();
    /// Ends session, copy and waiting calls; the instance is stopped by `stop_instance`.
    void close();
    void stop_instance(std::chrono::milliseconds patience);

private:
    struct Session {
        protocol::SessionId id{};
        Sequencer sequencer;
        std::unique_ptr<apply::Worker> worker;  // none while there is nothing to stream into
        SequenceLedger sequences;               // under the field lock

        explicit Session(std::uint64_t window) : sequencer(window) {}
    };

    /// A report of the source's tables that the replica has not come up to yet.
    struct PendingReport {
        std::shared_ptr<Session> session;
        protocol::SchemaReport report;
        unsigned misses = 0;
    };

    void end_session();
    void note_keys(const protocol::Hello& hello, std::optional<model::Lsn> durable);
    apply::DdlOptions ddl_options(const protocol::Hello& hello, const pq::ConnectOptions& admin);
    bool awaits_ddl(const protocol::SchemaReport& report) const;
    void keep_report(const std::shared_ptr<Session>& session, const protocol::SchemaReport& report);
    void judge_report();
    void set_due_sequences();
    std::optional<protocol::Failure> obstacle(const protocol::Hello& hello) const;
    void note_hello(const protocol::Hello& hello);
    void note_preflight(const std::string& report);
    std::unique_ptr<apply::Worker> make_worker(const protocol::Hello& hello,
                                               protocol::Welcome& welcome);
    std::shared_ptr<Session> streaming_session() const;
    std::shared_ptr<Session> session(const std::string& hex) const;
    std::shared_ptr<Session> session(const protocol::SessionId& id) const;
    protocol::Progress progress_of(const std::shared_ptr<Session>& session);
    void note_agent();
    void look_after_worker(const std::shared_ptr<Session>& session);
    void record_failure(const protocol::Failure& failure);
    /// Of a session's worker; false when the session is no longer the newest: its failure was
    /// forgotten meanwhile.
    bool record_failure(const Session& session, const protocol::Failure& failure);
    void note_failure(const protocol::Failure& failure);
    void finish_copy(const protocol::CopyBegin& begin, const CopyOutcome& outcome);
    void ensure_instance();
    void change_phase(Event event);
    void save();
    void save(ConnectorRecord changed);
    void keep();
    void look_after_everything();

    const Settings& m_settings;
    Store& m_store;

    std::mutex m_lifecycle;
    mutable std::mutex m_mutex;
    // Of its own, because whoever asks must not wait for whatever holds the field lock.
    mutable std::mutex m_token_mutex;
    std::string m_token_hash;
    ConnectorRecord m_record;
    bool m_unsaved = false;  // the store was away when the record changed; the keeper tries again
    std::shared_ptr<Instance> m_instance;    // cuts and requests hold it
    std::shared_ptr<Session> m_session;      // requests hold it while another hello replaces it
    std::shared_ptr<CopyJob> m_copy;         // likewise
    std::shared_ptr<Session> m_ending;       // the session before, while its worker still stops
    std::optional<protocol::Hello> m_hello;  // the last one; under the life-cycle lock
    std::vector<std::string> m_hello_warnings;
    /// Why the agent's last session could not be followed; the next one may be.
    std::optional<protocol::Failure> m_obstacle;
    std::vector<std::string> m_superusers;  // of the source
    std::chrono::steady_clock::time_point m_agent_seen{};
    std::optional<model::Lsn> m_last_durable;           // as last known, for when no worker runs
    RowCounts m_counts_before;                          // of the workers before this one
    std::vector<apply::CopyAgainView> m_copies_before;  // likewise, for when no worker runs
    std::optional<PendingReport> m_report;
    std::vector<std::uint64_t> m_ddl_xids;  // see Worker::ddl_xids
    bool m_started = false;                 // the instance was started or adopted by this program

    std::condition_variable m_wake;
    bool m_closing = false;
    std::thread m_keeper;
};

}  // namespace ardent::environment
