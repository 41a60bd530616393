// SPDX-License-Identifier: PostgreSQL
// What `ardent-agent run` does, from start to end: asks the environment for the state of the
// connector and acts on it, again and again, until a signal comes or an error that only an operator
// can mend. Main thread.
//
//     connect ─▶ preflight ─▶ hello ─┬─▶ copy      ─▶ initial copy ─▶ connect …
//        ▲                           ├─▶ streaming ─▶ resume decision ─▶ stream loop
//        │                           └─▶ failed    ─▶ wait, report status
//        └── backoff ◀── transient error, lost session
#pragma once

#include "agent/config/settings.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/source/agent_name.hpp"
#include "agent/source/connect.hpp"
#include "agent/source/ddl_keys.hpp"
#include "agent/source/failing_checks.hpp"
#include "agent/source/preflight.hpp"
#include "agent/source/resume.hpp"
#include "agent/stream/loop.hpp"
#include "agent/stop_flag.hpp"
#include "common/base/backoff.hpp"
#include "common/process/notify.hpp"
#include "common/process/signals.hpp"
#include "common/protocol/messages.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace ardent::agent {

/// Exit codes of `run`; the unit does not restart after the middle two.
inline constexpr int k_exit_clean = 0;
inline constexpr int k_exit_bug = 1;
inline constexpr int k_exit_config = 2;
inline constexpr int k_exit_source = 3;

class Service {
public:
    explicit Service(Settings settings);

    /// Returns the program's exit code. Every error is logged with what to do.
    int run();

private:
    struct Source {
        pq::Connection replication;
        pq::Connection sql;
        protocol::SourceIdentity identity;
        SlotFacts slot;
        CaptureSeen capture;  // as hello tells it
    };

    void turn();
    Source connect();
    HelloAnswer greet(Source& source, const preflight::Report& report);
    void give_way(const std::string& other);
    protocol::Hello make_hello(Source& source, const preflight::Report& report);
    void refused(const std::string& why, const preflight::Report& report);
    bool asks_for_all_keys(pq::Connection sql, const std::set<std::string>& prefixes);
    bool is_unfollowed(const std::string& table);
    void stream(Source source, const protocol::Welcome& welcome);
    void copy(Source source, const protocol::Welcome& welcome);
    void rest(const protocol::Welcome& welcome);
    bool may_resume(Source& source, const protocol::Welcome& welcome);
    bool report_schema(Source& source, const std::string& session, Link& link);
    /// After an error of decoding: more became durable than at the last one, so the next stream
    /// begins elsewhere.
    bool may_decode_again(const base::Error& error, model::Lsn durable);
    void after_stream(StreamEnd end, const Link& link);
    void give_slot_up(const std::string& why);
    int end_with(const base::Error& error, int code);
    /// Its calls end when a signal comes.
    EnvironmentApi environment() const;
    void tell_environment(const base::Error& error) noexcept;
    /// Waits, or until a signal; keeps the service manager calm.
    void wait(std::chrono::milliseconds time);
    std::chrono::milliseconds patience_of_failed();
    void complain(const base::Error& error);

    const Settings m_settings;
    const AgentName m_name;
    process::TerminationSignals m_signals;
    StopFlag m_stop_flag;
    process::Notifier m_notifier;
    base::Backoff m_backoff;
    bool m_stopped = false;
    std::string m_session;
    std::string m_complained;
    std::chrono::steady_clock::time_point m_complained_at{};
    std::string m_failure;  // the one that was logged
    std::string m_other;    // the agent that we gave way to: "agent host:pid"
    unsigned m_failed_turns = 0;
    model::Lsn m_undecoded;  // what was durable when the source could not decode on
    FailingChecks m_failing_checks;
    bool m_copied = false;          // and has not streamed since
    bool m_refused_before = false;  // a refusal counts when a new hello leads to it again
};

}  // namespace ardent::agent
