// SPDX-License-Identifier: PostgreSQL
// When to tell the source what, as pure decisions over what happened and the time (invariants 1, 2,
// 3, 15). Belongs to the main thread; does no input or output.
#pragma once

#include "agent/stream/message.hpp"
#include "common/model/lsn.hpp"

#include <chrono>
#include <optional>

namespace ardent::agent {

class Feedback {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Duration = std::chrono::milliseconds;

    /// `sender_timeout`: wal_sender_timeout of the source; nullopt when it is off.
    Feedback(model::Lsn durable, std::optional<Duration> sender_timeout) noexcept;

    /// The environment reported it; the only thing that is ever confirmed.
    void durable(model::Lsn position) noexcept;
    model::Lsn flush() const noexcept { return m_durable; }

    void keepalive(const Keepalive& message, Time now) noexcept;

    bool due(Time now) const noexcept { return now >= next(); }
    /// When the next status message must go out.
    Time next() const noexcept;
    void sent(Time now) noexcept;

    /// The source asks again and again although it is answered: it is shutting down and waits for
    /// us to confirm what we cannot confirm. True after some seconds of that.
    bool holds_up_shutdown(Time now) const noexcept;

    /// The WAL position of a keepalive that should be recorded at the environment now, given that
    /// nothing is pending or under way and everything up to `reached` is known there.
    std::optional<model::Lsn> idle_position(model::Lsn reached, Time now) const noexcept;
    void idle_sent(model::Lsn position, Time now) noexcept;
    /// Something waits at the environment for this position: an idle one that reaches it goes at
    /// once.
    void want(model::Lsn position) noexcept { m_wanted = position; }
    /// When idle_position may say something, for poll's timeout; nullopt when there is nothing to
    /// say.
    std::optional<Time> idle_next(model::Lsn reached) const noexcept;

private:
    const Duration m_interval;
    const Duration m_insists_within;
    model::Lsn m_durable;
    model::Lsn m_told;
    std::optional<Time> m_sent;
    bool m_asked = false;

    std::optional<Time> m_insists_since;
    Time m_insisted{};

    model::Lsn m_idle;  // the newest wal_end
    bool m_idle_asked = false;
    model::Lsn m_idle_told;  // sent to the environment
    Time m_idle_sent{};
    model::Lsn m_wanted;
};

}  // namespace ardent::agent
