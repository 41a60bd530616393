// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/feedback.hpp"

#include <algorithm>

namespace ardent::agent {

namespace {

using Duration = Feedback::Duration;

constexpr Duration k_interval{10'000};
constexpr Duration k_pause{100};  // between messages that carry news or answers
constexpr Duration k_idle_interval{10'000};
constexpr Duration k_insists_within{1000};
constexpr Duration k_patience{5000};

Duration part_of(std::optional<Duration> timeout, int part, Duration most) noexcept {
    return timeout ? std::min(most, std::max(Duration(1), *timeout / part)) : most;
}

}  // namespace

Feedback::Feedback(model::Lsn durable, std::optional<Duration> sender_timeout) noexcept
    : m_interval(part_of(sender_timeout, 3, k_interval)),
      // The server asks by itself after half its timeout without a word from us; sooner it never
      // does.
      m_insists_within(part_of(sender_timeout, 4, k_insists_within)),
      m_durable(durable) {}

void Feedback::durable(model::Lsn position) noexcept {
    m_durable = std::max(m_durable, position);
}

void Feedback::keepalive(const Keepalive& message, Time now) noexcept {
    m_idle = std::max(m_idle, message.wal_end);
    if (!message.reply_requested) {
        return;
    }
    m_asked = true;
    m_idle_asked = true;
    if (m_sent && now - *m_sent < m_insists_within) {
        if (!m_insists_since || now - m_insisted > k_insists_within) {
            m_insists_since = now;
        }
        m_insisted = now;
    } else {
        m_insists_since.reset();
    }
}

Feedback::Time Feedback::next() const noexcept {
    if (!m_sent) {
        return Time::min();
    }
    return *m_sent + (m_asked || m_durable > m_told ? std::min(k_pause, m_interval) : m_interval);
}

void Feedback::sent(Time now) noexcept {
    m_sent = now;
    m_told = m_durable;
    m_asked = false;
}

bool Feedback::holds_up_shutdown(Time now) const noexcept {
    return m_insists_since && now - *m_insists_since >= k_patience &&
           now - m_insisted <= k_insists_within;
}

std::optional<model::Lsn> Feedback::idle_position(model::Lsn reached, Time now) const noexcept {
    const auto next = idle_next(reached);
    return next && now >= *next ? std::optional(m_idle) : std::nullopt;
}

void Feedback::idle_sent(model::Lsn position, Time now) noexcept {
    m_idle_told = position;
    m_idle_sent = now;
    m_idle_asked = false;
}

std::optional<Feedback::Time> Feedback::idle_next(model::Lsn reached) const noexcept {
    const model::Lsn known = std::max({reached, m_idle_told, m_durable});
    if (m_idle <= known) {
        return std::nullopt;
    }
    const bool at_once = m_idle_asked || (m_wanted > known && m_idle >= m_wanted);
    return m_idle_sent + (at_once ? Duration(0) : k_idle_interval);
}

}  // namespace ardent::agent
