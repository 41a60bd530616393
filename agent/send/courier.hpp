// SPDX-License-Identifier: PostgreSQL
// Carries segments to the environment: one thread for each segment that may be under way, each with
// its own HTTP connection, and one that asks for the durable position. Segments are numbered in the
// order of `submit`; the environment puts them in order again. Network trouble is tried again until
// the courier is destroyed. The object belongs to the main thread.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/send/link.hpp"
#include "common/protocol/segment.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ardent::agent {

/// "a segment of 12 messages, LSN 0/1000 to 0/2000, 4.0 MB (1.1 MB as sent)": of the bytes that
/// were sent.
std::string describe_segment(std::string_view body);

class Courier {
public:
    struct Plan {
        std::string session;
        unsigned in_flight = 1;
        std::uint64_t byte_limit = 0;  // raw bytes under way; one larger segment goes alone
        int compression = 0;
    };

    /// `link` must outlive the courier.
    Courier(const EnvironmentSettings& settings, Plan plan, Link& link);
    /// Ends calls that are under way and joins the threads.
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    /// True when a segment of so many raw bytes may be submitted.
    bool has_room(std::uint64_t bytes) const;
    /// Nothing is under way.
    bool idle() const;
    void submit(protocol::SegmentWriter segment);
    std::uint64_t submitted() const noexcept { return m_next_sequence; }

private:
    struct Item {
        protocol::SegmentWriter segment;
        std::uint64_t sequence = 0;
    };

    void send_loop();
    void position_loop();
    /// Runs `work` and passes what it throws to the link. False: the thread ends.
    template <class Work>
    bool guarded(Work&& work, const char* doing);
    void done(std::uint64_t bytes);

    const EnvironmentSettings m_settings;
    const Plan m_plan;
    const protocol::SessionId m_session;
    Link& m_link;
    std::atomic<bool> m_stop{false};
    std::uint64_t m_next_sequence = 0;  // main thread

    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Item> m_queue;
    unsigned m_under_way = 0;
    std::uint64_t m_bytes_under_way = 0;
    model::Lsn m_expected;  // the durable position when everything submitted is applied
    std::vector<std::thread> m_threads;
};

}  // namespace ardent::agent
