// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/sequencer.hpp"

namespace ardent::environment {

Sequencer::Turn Sequencer::enter(std::uint64_t sequence,
                                 std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(m_mutex);
    if (!m_closed && sequence > m_next + m_window) {
        return Turn::too_far;
    }
    const bool came = m_changed.wait_until(lock, deadline, [&] {
        return m_closed || sequence < m_next || (sequence == m_next && !m_taken);
    });
    if (m_closed) {
        return Turn::closed;
    }
    if (sequence < m_next) {
        return Turn::repeated;
    }
    if (!came) {
        return Turn::late;
    }
    m_taken = true;
    return Turn::mine;
}

void Sequencer::leave(bool admitted) {
    const std::lock_guard lock(m_mutex);
    m_taken = false;
    m_next += admitted ? 1 : 0;
    m_changed.notify_all();
}

void Sequencer::close() {
    const std::lock_guard lock(m_mutex);
    m_closed = true;
    m_changed.notify_all();
}

std::uint64_t Sequencer::next() const {
    const std::lock_guard lock(m_mutex);
    return m_next;
}

}  // namespace ardent::environment
