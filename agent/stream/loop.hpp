// SPDX-License-Identifier: PostgreSQL
// The loop of the main thread while it streams: reads the walsender, cuts segments, gives them to
// the courier, and tells the source what is durable. It waits only in poll(): on the walsender's
// socket, on signals, and on the link, which wakes it when the durable position moved (invariants 1
// to 4, 8, 11, 12, 15).
#pragma once

#include "agent/send/courier.hpp"
#include "agent/send/link.hpp"
#include "agent/stream/assembler.hpp"
#include "agent/stream/feedback.hpp"
#include "agent/stream/replication.hpp"
#include "common/process/notify.hpp"
#include "common/process/signals.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace ardent::agent {

enum class StreamEnd {
    stopped,           // a signal: drained, said goodbye
    hello_again,       // the environment does not know the session any more
    connector_failed,  // the environment stopped the connector
    source_stops,      // left so that the source can shut down
    decode_again,      // the source could not decode on, and may from the position that was reached
    slot_given_up      // limits.max_retained_wal
};

/// Whether messages come so fast that it pays to let them gather.
class Flow {
public:
    using Time = std::chrono::steady_clock::time_point;

    void count(int messages, Time now) noexcept;
    bool dense() const noexcept { return m_dense; }

private:
    Time m_since{};
    std::int64_t m_messages = 0;
    bool m_dense = false;
};

class StreamLoop {
public:
    struct Parts {
        Link& link;
        Courier& courier;
        process::TerminationSignals& signals;
        process::Notifier& notifier;
        /// Of a table that the plugin left a change out of, as it names it: the replica does not
        /// follow it, so nothing is lost, and the next stream filters it.
        std::function<bool(const std::string& table)> unfollowed;
    };

    StreamLoop(Parts parts, pq::Connection connection, const StartCommands& commands,
               model::Lsn from, std::uint64_t segment_bytes,
               std::optional<std::chrono::milliseconds> sender_timeout,
               std::chrono::milliseconds drain);

    /// Throws base::Error: transient when the connection broke, source for a change that the plugin
    /// leaves out (invariant 8) and for what the walsender said at its end, and what the courier's
    /// threads met. When that was an error of decoding, the whole transactions before it are
    /// durable by then.
    StreamEnd run();

private:
    using Time = Feedback::Time;

    StreamEnd follow();
    std::optional<StreamEnd> keep_what_came();
    std::optional<StreamEnd> look_at_link();
    void read_some();
    bool handle(const ReplicationStream::Message& message);
    void refuse_left_out();
    void cut();
    void submit();
    void send_idle_position();
    void send_status();
    std::optional<StreamEnd> look_at_source(Time now);
    bool all_confirmed() const;
    bool drained(Time now);
    void finish();
    void wait();
    Time wake_at() const;
    void report_status_line(Time now);
    bool reads() const noexcept { return !m_draining && !m_held; }

    Parts m_parts;
    std::string m_left_out;  // set by the notice handler: the table that lost a change
    ReplicationStream m_stream;
    Assembler m_assembler;
    Feedback m_feedback;
    std::chrono::milliseconds m_drain;
    std::optional<ReplicationStream::Message> m_held;  // there was no room for it
    std::optional<Time> m_draining;                    // until when
    std::optional<Time> m_source_away;                 // since when
    bool m_flushed = true;
    bool m_readable = true;
    Flow m_flow;
    model::Lsn m_advanced;  // the last idle position that was submitted
    Time m_next_cut{};      // of a segment that is not full
    Time m_next_line{};
};

}  // namespace ardent::agent
