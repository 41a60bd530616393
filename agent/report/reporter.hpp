// SPDX-License-Identifier: PostgreSQL
// The thread that reports: status every 10 seconds, the tables' definitions every minute, a
// heartbeat when nothing else moves the slot, and whether the source is still there. It has its own
// connections to the source and to the environment; what it learns goes to the link. Owned by the
// main thread.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/report/preflight_watch.hpp"
#include "agent/report/source_watch.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/send/link.hpp"
#include "agent/source/ddl_keys.hpp"
#include "common/base/fd.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ardent::agent {

class Reporter {
public:
    enum class Mode {
        streaming,  // everything
        status_only  // while copying or stopped: no schema, no heartbeat, no verdict about a lost slot
    };

    /// `settings`, `link` and `watch`, whose reports go with the status, must outlive the reporter.
    /// `capture`: the stream's, when it is one.
    Reporter(const Settings& settings, std::string session, Mode mode, Link& link,
             PreflightWatch* watch = nullptr, std::optional<CaptureSeen> capture = std::nullopt);
    ~Reporter();
    Reporter(const Reporter&) = delete;
    Reporter& operator=(const Reporter&) = delete;

private:
    using Clock = std::chrono::steady_clock;

    void run();
    void turn();
    void look_at_source();
    void judge(const SourceFigures& figures);
    void report_status(const SourceFigures& figures);
    void look_at_capture();
    void report_schema();
    void beat(const SourceFigures& figures);
    std::vector<std::string> held_back(const SourceFigures& figures);
    EnvironmentApi& environment();
    bool source_hung_up() const;
    void wait();

    const Settings& m_settings;
    const std::string m_session;
    const Mode m_mode;
    Link& m_link;
    PreflightWatch* const m_watch;
    const std::optional<CaptureSeen> m_capture;
    std::atomic<bool> m_stop{false};
    base::Fd m_wake;

    // The thread's own.
    std::optional<pq::Connection> m_connection;
    std::optional<EnvironmentApi> m_api;
    WalRate m_rate;
    Clock::time_point m_next_status{};
    Clock::time_point m_next_schema{};
    Clock::time_point m_next_beat{};
    Clock::time_point m_next_connect{};
    std::optional<model::Lsn> m_beat_confirmed;
    std::optional<model::Lsn> m_beat_current;
    std::optional<model::Lsn> m_held_at;     // confirmed when the walsender was seen waiting
    std::optional<std::string> m_preflight;  // not delivered yet
    std::string m_last_warning;
    std::thread m_thread;
};

}  // namespace ardent::agent
