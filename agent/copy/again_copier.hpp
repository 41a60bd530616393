// SPDX-License-Identifier: PostgreSQL
// The thread that copies single tables once more while the stream goes on (docs/protocol.md, "Copy
// again"): those whose rows DDL wrote anew with values that are not in the stream. It has its own
// connections to the source and to the environment, and looks at the link for what is wanted. Owned
// by the main thread.
//
// An environment may ask for anything; what the configuration does not select is never read, and
// the refusal is told as that table's trouble.
//
// What the source notices: ACCESS SHARE on one table at a time, which is waited for only for a
// moment at a time and given up as soon as somebody waits for the table, and one old snapshot, as
// long as the copy of that table lasts.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/send/link.hpp"
#include "common/base/backoff.hpp"
#include "common/base/fd.hpp"
#include "common/pq/connection.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace ardent::agent {

class AgainCopier {
public:
    /// `settings` and `link` must outlive it. `encoding` is the server's, and so the rows'.
    AgainCopier(const Settings& settings, std::string session, std::string encoding, Link& link);
    ~AgainCopier();
    AgainCopier(const AgainCopier&) = delete;
    AgainCopier& operator=(const AgainCopier&) = delete;

private:
    using Clock = std::chrono::steady_clock;

    void run();
    void turn();
    void copy(const protocol::CopyAgain& wanted);
    void refuse(const protocol::CopyAgain& wanted);
    bool lock(pq::Connection& connection, const protocol::CopyAgain& wanted);
    protocol::CopyAgainBegin look(pq::Connection& connection, const model::RelationName& table);
    void transfer(pq::Connection& connection, const protocol::CopyAgain& wanted,
                  const protocol::CopyAgainBegin& begin);
    bool anything_new() const;
    bool somebody_waits(const std::string& table);
    void tell(const protocol::CopyAgain& wanted, const std::string& detail) noexcept;
    void ask();
    void wait(std::chrono::milliseconds time);

    const Settings& m_settings;
    const std::string m_session;
    const std::string m_encoding;
    Link& m_link;
    std::atomic<bool> m_stop{false};
    std::atomic<bool> m_leave{
        false};  // ends a call to the environment: to stop, or to let go of a table
    base::Fd m_wake;

    // The thread's own.
    std::optional<EnvironmentApi> m_api;
    std::optional<pq::Connection> m_watch;  // sees who waits
    base::Backoff m_backoff;
    std::set<std::string> m_tried;            // ids, in this turn
    std::string m_told;                       // the last trouble, in the log
    std::set<model::RelationName> m_refused;  // in the log
    std::thread m_thread;
};

}  // namespace ardent::agent
