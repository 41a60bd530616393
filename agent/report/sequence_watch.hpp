// SPDX-License-Identifier: PostgreSQL
// The thread that tells the environment what the source's sequences stand at, at the beginning of a
// stream and every few seconds. Its connections to the source and to the environment are its own,
// so that no other report holds it up, and it none. Owned by the main thread.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/report/sequence_changes.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/send/link.hpp"
#include "common/pq/connection.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ardent::agent {

class SequenceWatch {
public:
    /// The first look comes at once, the others every source.sequence_interval. `settings` and
    /// `link` must outlive this.
    SequenceWatch(const Settings& settings, const std::string& session, Link& link);
    ~SequenceWatch();
    SequenceWatch(const SequenceWatch&) = delete;
    SequenceWatch& operator=(const SequenceWatch&) = delete;

private:
    using Clock = std::chrono::steady_clock;

    void run() noexcept;
    /// False: there is nothing more to do in this session.
    bool turn() noexcept;
    void look();
    void complain(const base::Error& error);

    const Settings& m_settings;
    Link& m_link;
    std::atomic<bool> m_stop{false};
    std::mutex m_mutex;
    std::condition_variable m_wake;

    // The thread's own.
    SequenceChanges m_changes;
    std::optional<pq::Connection> m_connection;
    std::optional<EnvironmentApi> m_api;
    std::string m_complained;
    Clock::time_point m_done = Clock::now();  // the last report, or the beginning
    std::thread m_thread;
};

}  // namespace ardent::agent
