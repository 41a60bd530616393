// SPDX-License-Identifier: PostgreSQL
// Puts the segments of a session, which arrive on several connections, into the order of their
// numbers. One caller at a time has the turn; those that came early wait. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ardent::environment {

class Sequencer {
public:
    enum class Turn {
        mine,      // call `leave`
        repeated,  // admitted before
        late,      // those before it did not come in time
        too_far,   // further ahead than a correct agent can be
        closed     // another session began
    };

    explicit Sequencer(std::uint64_t window) : m_window(window) {}

    /// Waits for the turn of `sequence`, at most until `deadline`.
    Turn enter(std::uint64_t sequence, std::chrono::steady_clock::time_point deadline);
    /// Ends the turn; `admitted` lets the next one go on, otherwise the same number may come again.
    void leave(bool admitted);
    /// Wakes everybody.
    void close();
    /// The number that is expected next.
    std::uint64_t next() const;

private:
    const std::uint64_t m_window;
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::uint64_t m_next = 0;
    bool m_taken = false;
    bool m_closed = false;
};

}  // namespace ardent::environment
