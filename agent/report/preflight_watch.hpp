// SPDX-License-Identifier: PostgreSQL
// The thread that runs the preflight list again every few minutes while the agent streams, so that
// a revoked grant or a dropped key is known before data stops. A connection of its own for each
// run, read only, with limits on statements and locks: neither the stream nor the source waits for
// it. Owned by the main thread.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/source/failing_checks.hpp"
#include "common/pq/connection.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ardent::agent {

class PreflightWatch {
public:
    /// The first run comes after source.preflight_interval; none when that is 0. `settings` and
    /// `known` must outlive this, and nobody else uses `known` meanwhile.
    PreflightWatch(const Settings& settings, FailingChecks& known);
    ~PreflightWatch();
    PreflightWatch(const PreflightWatch&) = delete;
    PreflightWatch& operator=(const PreflightWatch&) = delete;

    /// The newest report as JSON, once. Any thread.
    std::optional<std::string> take();

private:
    void run() noexcept;
    void look();

    const Settings& m_settings;
    FailingChecks& m_known;
    std::atomic<bool> m_stop{false};
    std::mutex m_mutex;
    std::condition_variable m_wake;
    bool m_ended = false;
    pq::Connection* m_running = nullptr;  // of a run under way, to be cancelled
    std::optional<std::string> m_report;
    bool m_failed = false;  // the thread's own
    std::thread m_thread;
};

}  // namespace ardent::agent
