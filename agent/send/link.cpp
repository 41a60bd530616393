// SPDX-License-Identifier: PostgreSQL
#include "agent/send/link.hpp"

#include "common/process/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>

namespace ardent::agent {

Link::Link(model::Lsn durable) : m_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!m_event.valid()) {
        throw base::Error(base::ErrorKind::bug, std::string("eventfd: ") + std::strerror(errno));
    }
    m_state.durable = m_sent = durable;
}

void Link::progress(const protocol::Progress& progress) {
    const std::lock_guard lock(m_mutex);
    if (progress.durable && *progress.durable > m_sent) {
        // To confirm it would make the source throw away what nobody has.
        refuse_position(*progress.durable);
        return;
    }
    if (progress.durable) {
        m_state.durable = std::max(m_state.durable, *progress.durable);
    }
    m_state.copy_again = progress.copy_again;
    if (progress.state == protocol::ConnectorState::failed && !m_state.failure) {
        m_state.failure = progress.failure.value_or(protocol::Failure{});
    } else if (progress.state == protocol::ConnectorState::copy) {
        m_state.session_lost = true;
    }
    wake();
}

void Link::refuse_position(model::Lsn position) {
    if (!m_state.failure) {
        m_state.failure = protocol::Failure{
            "the environment reports " + model::to_string(position) +
                " as durable, which was never sent: up to " + model::to_string(m_sent) + " was",
            "Look at what answers in the environment's place.",
            std::nullopt,
            {}};
        process::log_error(m_state.failure->message, {{"hint", m_state.failure->hint}});
    }
    wake();
}

void Link::sends(model::Lsn position) {
    const std::lock_guard lock(m_mutex);
    m_sent = std::max(m_sent, position);
}

void Link::lose_session() {
    const std::lock_guard lock(m_mutex);
    m_state.session_lost = true;
    wake();
}

void Link::stop_connector(const protocol::Failure& failure) {
    const std::lock_guard lock(m_mutex);
    if (!m_state.failure) {
        m_state.failure = failure;
    }
    wake();
}

void Link::fail(const base::Error& error) {
    const std::lock_guard lock(m_mutex);
    if (!m_state.error) {
        m_state.error = error;
    }
    wake();
}

void Link::give_up_slot(const std::string& remark) {
    const std::lock_guard lock(m_mutex);
    m_state.give_up_slot = remark;
    wake();
}

void Link::source_away(bool away) {
    const std::lock_guard lock(m_mutex);
    m_state.source_away = away;
    wake();
}

void Link::trouble(const std::string& text) {
    const std::lock_guard lock(m_mutex);
    m_state.trouble = text;
}

void Link::want(model::Lsn position) {
    const std::lock_guard lock(m_mutex);
    m_state.wanted = std::max(m_state.wanted, position);
    wake();
}

void Link::wake() noexcept {
    static_cast<void>(::eventfd_write(m_event.get(), 1));
}

Link::State Link::state() const {
    const std::lock_guard lock(m_mutex);
    return m_state;
}

model::Lsn Link::durable() const {
    const std::lock_guard lock(m_mutex);
    return m_state.durable;
}

bool Link::stopping() const {
    const std::lock_guard lock(m_mutex);
    return m_state.error.has_value() || m_state.give_up_slot.has_value();
}

void Link::calm() noexcept {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(m_event.get(), &count));
}

}  // namespace ardent::agent
