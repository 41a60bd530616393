// SPDX-License-Identifier: PostgreSQL
// The service manager's notification socket (sd_notify(3)): datagrams to NOTIFY_SOCKET. Without
// that variable every call does nothing. Owned by main; calls from one thread.
#pragma once

#include "common/base/fd.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::process {

class Notifier {
public:
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    Notifier();

    void ready();  // READY=1, once
    void status(std::string_view line);
    void stopping();
    /// Asks for `more` time to start: without it TimeoutStartSec ends a long copy.
    void extend_start(std::chrono::seconds more);
    /// WATCHDOG=1, at most three times in a watchdog interval; until `ready` also more time to
    /// start, for longer than any call blocks. Call it only where the loop moved.
    void alive();

    bool enabled() const noexcept { return m_socket.valid(); }

private:
    void send(const std::string& text);

    base::Fd m_socket;
    std::string m_address;
    std::optional<std::chrono::microseconds> m_watchdog;
    std::chrono::steady_clock::time_point m_last_alive{};
    std::optional<std::chrono::steady_clock::time_point> m_last_extended;
    std::string m_last_status;
    bool m_ready = false;
};

}  // namespace ardent::process
