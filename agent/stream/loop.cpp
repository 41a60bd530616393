// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/loop.hpp"

#include "common/process/log.hpp"

#include <algorithm>
#include <array>
#include <poll.h>

namespace ardent::agent {

namespace {

using Clock = Feedback::Clock;
using std::chrono::milliseconds;

constexpr int k_messages_a_turn = 8192;
constexpr milliseconds k_longest_wait{500};
constexpr milliseconds k_look{50};
constexpr long k_nanoseconds = 1'000'000'000;
// The walsender writes each message by itself. While many come, waking up for each would cost more
// than all the rest; this is how long they may gather in the socket's buffer, which holds a few
// hundred.
constexpr std::chrono::nanoseconds k_nap{100'000};
constexpr timespec k_nap_time{0, k_nap.count()};
constexpr milliseconds k_line_interval{10'000};
constexpr std::chrono::minutes k_said_again{1};
constexpr milliseconds k_source_patience{5000};
constexpr milliseconds k_goodbye{2000};

/// How long a segment that is not full waits after the one before it: nothing that is felt at low
/// load, but a stream that flows without a gap travels in few large segments rather than in
/// thousands of small ones.
std::chrono::microseconds pause_after(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t k_least = 1000;
    constexpr std::uint64_t k_most = 10'000;
    return std::chrono::microseconds(std::min(k_most, k_least + bytes / 32));
}

/// The connection hands notices to `left_out`, whose address must stay.
pq::Connection watched(pq::Connection connection, std::string& left_out) {
    std::string said;
    Clock::time_point said_at{};
    connection.on_notice([&left_out, said, said_at](const pq::Notice& notice) mutable {
        if (auto table = table_left_out(notice.message)) {
            if (left_out.empty()) {
                left_out = *table;
            }
        } else if (said != notice.message || Clock::now() - said_at > k_said_again) {
            said = notice.message;
            said_at = Clock::now();
            process::log_warning("the source says", {{"severity", notice.severity},
                                                     {"sqlstate", notice.sqlstate},
                                                     {"message", notice.message}});
        }
    });
    return connection;
}

/// Throws what the courier's threads and the reporter met.
std::optional<StreamEnd> end_of(const Link::State& state) {
    if (state.error) {
        throw base::Error(*state.error);
    }
    if (state.give_up_slot) {
        return StreamEnd::slot_given_up;
    }
    if (state.failure) {
        return StreamEnd::connector_failed;
    }
    return state.session_lost ? std::optional(StreamEnd::hello_again) : std::nullopt;
}

}  // namespace

void Flow::count(int messages, Time now) noexcept {
    constexpr std::chrono::microseconds k_window{2000};
    constexpr std::int64_t k_many = 20'000;  // a second
    m_messages += messages;
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(now - m_since);
    if (passed >= k_window) {
        m_dense = m_messages * 1'000'000 / passed.count() >= k_many;
        m_since = now;
        m_messages = 0;
    }
}

StreamLoop::StreamLoop(Parts parts, pq::Connection connection, const StartCommands& commands,
                       model::Lsn from, std::uint64_t segment_bytes,
                       std::optional<milliseconds> sender_timeout, milliseconds drain)
    : m_parts(std::move(parts)),
      m_stream(watched(std::move(connection), m_left_out), commands),
      m_assembler(segment_bytes),
      m_feedback(from, sender_timeout),
      m_drain(drain) {}

StreamEnd StreamLoop::run() {
    try {
        return follow();
    } catch (const base::Error& error) {
        if (!is_decoding_error(error)) {
            throw;
        }
        if (const auto end = keep_what_came()) {
            return *end;
        }
        throw;
    }
}

// However long the environment takes, as while it streams.
std::optional<StreamEnd> StreamLoop::keep_what_came() {
    m_draining = Time::max();
    for (;;) {
        m_parts.link.calm();
        const Link::State state = m_parts.link.state();
        m_feedback.durable(state.durable);
        if (const auto end = end_of(state)) {
            return end;
        }
        if (m_parts.signals.requested()) {
            return StreamEnd::stopped;
        }
        if (drained(Clock::now())) {
            return std::nullopt;
        }
        cut();
        m_parts.notifier.alive();
        std::array<pollfd, 2> fds = {pollfd{m_parts.signals.fd(), POLLIN, 0},
                                     pollfd{m_parts.link.fd(), POLLIN, 0}};
        ::poll(fds.data(), fds.size(), static_cast<int>(k_look.count()));
    }
}

StreamEnd StreamLoop::follow() {
    for (;;) {
        if (const auto end = look_at_link()) {
            return *end;
        }
        const Time now = Clock::now();
        if (!m_draining && m_parts.signals.requested()) {
            m_draining = now + m_drain;
            m_parts.notifier.stopping();
            process::log_info("stopping: what was read is being made durable");
        }
        if (m_feedback.due(now)) {
            send_status();
        }
        read_some();
        cut();
        send_idle_position();
        m_flushed = m_stream.flush();
        if (m_draining && drained(now)) {
            finish();
            return StreamEnd::stopped;
        }
        if (const auto end = look_at_source(now)) {
            return *end;
        }
        report_status_line(now);
        m_parts.notifier.alive();
        wait();
    }
}

std::optional<StreamEnd> StreamLoop::look_at_link() {
    m_parts.link.calm();
    const Link::State state = m_parts.link.state();
    m_feedback.durable(state.durable);
    m_feedback.want(state.wanted);
    const auto end = end_of(state);
    if (end == StreamEnd::connector_failed) {
        finish();
    }
    if (end == StreamEnd::hello_again && m_draining) {
        m_draining = Clock::now();
    } else if (end) {
        return end;
    }
    if (!state.source_away) {
        m_source_away.reset();
    } else if (!m_source_away) {
        m_source_away = Clock::now();
    }
    return std::nullopt;
}

void StreamLoop::read_some() {
    if (m_draining || (m_held && !handle(*m_held))) {
        return;
    }
    m_held.reset();
    const int most = k_messages_a_turn;
    int messages = 0;
    for (bool more = true; more && messages < most;) {
        if (m_readable) {
            m_stream.read();
        }
        more = false;
        for (auto message = m_stream.next(); message; message = m_stream.next()) {
            m_parts.notifier.ready();
            if (!handle(*message)) {
                m_held = std::move(message);
                return;
            }
            more = m_readable;
            if (++messages == most) {
                m_parts.link.wake();
                break;
            }
        }
    }
    m_flow.count(messages, Clock::now());
}

// A materialized view that was made after this stream began: begin again, with a filter for it.
void StreamLoop::refuse_left_out() {
    if (m_parts.unfollowed(m_left_out)) {
        m_parts.link.lose_session();
        return;
    }
    const auto lsn = m_assembler.open_transaction();
    throw base::Error(
        base::ErrorKind::source,
        "the table " + m_left_out +
            " has no replica identity: wal2json left a change of its rows out, in the "
            "transaction that begins at " +
            (lsn ? model::to_string(*lsn) : "an unknown position"),
        "Give it a primary key or REPLICA IDENTITY FULL, or exclude it; the change "
        "itself cannot be had again: make the replica anew.");
}

bool StreamLoop::handle(const ReplicationStream::Message& message) {
    const ServerMessage parsed = parse_server_message(message.bytes());
    if (const auto* const keepalive = std::get_if<Keepalive>(&parsed)) {
        m_feedback.keepalive(*keepalive, Clock::now());
        return true;
    }
    if (!m_left_out.empty()) {
        refuse_left_out();
        return false;
    }
    const auto& data = std::get<PluginMessage>(parsed);
    if (!m_assembler.takes(data.text.size())) {
        if (!m_parts.courier.has_room(m_assembler.raw_bytes())) {
            return false;
        }
        submit();
    }
    m_assembler.add(data.lsn, data.text);
    return true;
}

void StreamLoop::submit() {
    m_next_cut = Clock::now() + pause_after(m_assembler.raw_bytes());
    m_parts.courier.submit(m_assembler.take());
}

void StreamLoop::cut() {
    if (m_assembler.empty() || (m_draining && !m_assembler.has_commit())) {
        return;
    }
    const bool goes = m_assembler.full()
                          ? m_parts.courier.has_room(m_assembler.raw_bytes())
                          : m_parts.courier.idle() && (m_draining || Clock::now() >= m_next_cut);
    if (goes) {
        submit();
    }
}

void StreamLoop::send_idle_position() {
    if (m_draining || m_held || !m_assembler.empty() || m_assembler.open_transaction() ||
        !m_parts.courier.idle()) {
        return;
    }
    const Time now = Clock::now();
    const auto position = m_feedback.idle_position(m_assembler.last_commit_end(), now);
    if (!position) {
        return;
    }
    protocol::SegmentWriter segment;
    segment.header().advance_to = *position;
    m_parts.courier.submit(std::move(segment));
    m_feedback.idle_sent(*position, now);
    m_advanced = *position;
}

void StreamLoop::send_status() {
    m_stream.put(status_update(m_feedback.flush(), replication_clock(), m_next_line == Time{}));
    m_feedback.sent(Clock::now());
}

std::optional<StreamEnd> StreamLoop::look_at_source(Time now) {
    const bool away =
        m_source_away && now - *m_source_away >= k_source_patience && !all_confirmed();
    if (!away && !m_feedback.holds_up_shutdown(now)) {
        return std::nullopt;
    }
    process::log_warning(
        "the source is stopping and what it sent cannot be confirmed in time: leaving it",
        {{"durable", model::to_string(m_feedback.flush())}});
    return StreamEnd::source_stops;
}

bool StreamLoop::all_confirmed() const {
    return !m_held && m_assembler.empty() && m_parts.courier.idle() &&
           m_feedback.flush() >= std::max(m_assembler.last_commit_end(), m_advanced);
}

bool StreamLoop::drained(Time now) {
    const model::Lsn wanted = std::max(m_assembler.last_commit_end(), m_advanced);
    const bool all = m_feedback.flush() >= wanted && !m_assembler.has_commit();
    return all || now >= *m_draining;
}

void StreamLoop::finish() {
    send_status();
    m_stream.end(k_goodbye);
    process::log_info("the source was told the last position",
                      {{"durable", model::to_string(m_feedback.flush())}});
}

void StreamLoop::report_status_line(Time now) {
    if (now < m_next_line) {
        return;
    }
    m_next_line = now + k_line_interval;
    m_parts.notifier.status("streaming; durable at " + model::to_string(m_feedback.flush()));
}

StreamLoop::Time StreamLoop::wake_at() const {
    Time at = std::min(Clock::now() + k_longest_wait, m_feedback.next());
    if (m_draining) {
        at = std::min(at, *m_draining);
    }
    const bool line_free = m_assembler.empty() && m_parts.courier.idle();
    if (const auto idle = m_feedback.idle_next(m_assembler.last_commit_end()); idle && line_free) {
        at = std::min(at, *idle);
    }
    if (!m_assembler.empty() && m_parts.courier.idle()) {
        at = std::min(at, m_next_cut);
    }
    return at;
}

void StreamLoop::wait() {
    const std::chrono::nanoseconds left = std::clamp<std::chrono::nanoseconds>(
        wake_at() - Clock::now(), std::chrono::nanoseconds(0), k_longest_wait);
    const timespec timeout{left.count() / k_nanoseconds, left.count() % k_nanoseconds};
    std::array<pollfd, 2> others = {pollfd{m_parts.signals.fd(), POLLIN, 0},
                                    pollfd{m_parts.link.fd(), POLLIN, 0}};
    if (m_flow.dense() && reads() && left > k_nap &&
        ::ppoll(others.data(), others.size(), &k_nap_time, nullptr) != 0) {
        m_readable = true;
        return;
    }
    const short events = static_cast<short>((reads() ? POLLIN : 0) | (m_flushed ? 0 : POLLOUT));
    std::array<pollfd, 3> fds = {pollfd{m_stream.socket(), events, 0},
                                 pollfd{m_parts.signals.fd(), POLLIN, 0},
                                 pollfd{m_parts.link.fd(), POLLIN, 0}};
    ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    m_readable = (fds[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    if (m_readable && !reads() && (fds[0].revents & (POLLERR | POLLHUP)) != 0) {
        m_stream.read();
    }
}

}  // namespace ardent::agent
