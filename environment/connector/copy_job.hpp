// SPDX-License-Identifier: PostgreSQL
// One initial copy, from an empty instance to a replica that stands at the slot's consistent point.
// A thread of its own works through the phases of docs/protocol.md; HTTP threads hand over what
// came and ask how far it is.
//
// While rows arrive the instance runs without WAL for new tables and without fsync: a copy that is
// interrupted begins again from nothing, so nothing needs to survive. Before it counts, everything
// is flushed and the instance is started anew with durable settings.
#pragma once

#include "common/protocol/messages.hpp"
#include "environment/instance/instance.hpp"
#include "environment/replica/at_once.hpp"
#include "environment/replica/extensions.hpp"
#include "environment/replica/table_loader.hpp"
#include "environment/state/records.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ardent::environment {

enum class CopyPhase { creating, schema, restoring, data, finishing, done, failed };

const char* to_string(CopyPhase phase) noexcept;

struct CopyOutcome {
    std::vector<std::string> warnings;
    std::vector<DisabledTrigger> disabled_triggers;
};

class CopyJob {
public:
    struct Plan {
        protocol::CopyBegin begin;
        protocol::SourceIdentity source;
        InstanceSpec durable;  // the instance as it runs once the copy is done
        ExtensionPolicy extensions;
    };
    struct Reports {                                   // called on the job's thread
        std::function<void(const CopyOutcome&)> done;  // the replica is complete and durable
        std::function<void(const protocol::Failure&, base::ErrorKind)> failed;
    };

    /// Begins at once. The instance that it makes is `Instance(plan.durable)` for everybody else
    /// once `done` was called.
    CopyJob(Plan plan, Reports reports);
    ~CopyJob();
    CopyJob(const CopyJob&) = delete;
    CopyJob& operator=(const CopyJob&) = delete;

    /// Gives up what runs, cancels its statements and waits for the thread; calls that come later
    /// are refused.
    void give_up();
    /// All rows are here and counted: what is left needs no agent.
    bool finishing() const;

    const std::string& id() const noexcept { return m_id; }
    bool is_for(const protocol::CopyBegin& begin) const;

    /// Waits until the phase is another than `known`, at most `wait`.
    protocol::CopyState state(const std::string& known, std::chrono::milliseconds wait);
    /// The archive of the schema. Throws HttpError 409 before the phase `schema`; later ones are
    /// repeats.
    void accept_schema(std::string_view archive);
    /// As TableLoader::part. An error that the server raises ends the copy.
    std::optional<std::uint64_t> accept_part(std::size_t ordinal, std::uint64_t part, bool last,
                                             std::string_view frame);
    void accept_finish(const protocol::CopyFinish& finish);

private:
    void work();
    void create();
    void restore();
    void finish();
    void make_durable();
    void refresh_views(pq::Connection& apply);
    void enter(CopyPhase phase, const std::string& detail);
    void tell(const std::string& detail);
    void fail(const protocol::Failure& failure, base::ErrorKind kind);
    /// Waits for the phase after `phase`; throws when the copy was given up.
    void wait_while(CopyPhase phase);
    bool going_on() const;
    void require_going_on() const;

    /// While it lives, give_up cancels what runs on the connection.
    class Cancellable {
    public:
        Cancellable(CopyJob& job, pq::Connection& connection);
        ~Cancellable();
        Cancellable(const Cancellable&) = delete;
        Cancellable& operator=(const Cancellable&) = delete;

    private:
        CopyJob& m_job;
        pq::Connection* m_connection;
    };
    std::unique_ptr<pq::Connection> connect(std::string_view role) const;
    Superuser superuser() const;
    /// The same, cancellable, from any thread.
    Connect connecting(std::string_view role);
    std::string archive_path() const;

    const std::string m_id;
    const Plan m_plan;
    const Reports m_reports;
    Instance m_instance;  // with the settings for loading
    CopyOutcome m_outcome;

    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    CopyPhase m_phase = CopyPhase::creating;
    std::string m_detail;
    std::optional<protocol::Failure> m_failure;
    bool m_given_up = false;
    bool m_ended = false;
    std::vector<pq::Connection*> m_cancellable;

    std::mutex m_load_mutex;  // over the loader, while a part is written
    std::unique_ptr<TableLoader> m_loader;

    std::once_flag m_joined;
    std::vector<std::string> m_opened_schemas;  // of the work thread
    std::thread m_thread;
};

}  // namespace ardent::environment
