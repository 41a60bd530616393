// SPDX-License-Identifier: PostgreSQL
#include "agent/send/courier.hpp"

#include "agent/send/environment_api.hpp"
#include "common/base/backoff.hpp"
#include "common/process/log.hpp"

#include <functional>
#include <random>

namespace ardent::agent {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds k_position_wait{20};
constexpr milliseconds k_between_positions{10};
constexpr auto k_told_again = std::chrono::minutes(1);

/// Tells a trouble at once and then once a minute.
class Complaint {
public:
    void tell(const char* doing, const std::string& why) {
        const auto now = std::chrono::steady_clock::now();
        if (!m_last || now - *m_last >= k_told_again) {
            m_last = now;
            process::log_warning("the environment cannot be reached, trying on",
                                 {{"doing", doing}, {"why", why}});
        }
    }
    bool over() noexcept { return std::exchange(m_last, std::nullopt).has_value(); }

private:
    std::optional<std::chrono::steady_clock::time_point> m_last;
};

}  // namespace

Courier::Courier(const EnvironmentSettings& settings, Plan plan, Link& link)
    : m_settings(settings),
      m_plan(std::move(plan)),
      m_session(protocol::parse_session(m_plan.session)),
      m_link(link),
      m_expected(link.durable()) {
    for (unsigned i = 0; i < m_plan.in_flight; ++i) {
        m_threads.emplace_back([this] { send_loop(); });
    }
    m_threads.emplace_back([this] { position_loop(); });
}

Courier::~Courier() {
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
        m_changed.notify_all();
    }
    for (std::thread& thread : m_threads) {
        thread.join();
    }
}

bool Courier::has_room(std::uint64_t bytes) const {
    const std::lock_guard lock(m_mutex);
    return m_under_way == 0 ||
           (m_under_way < m_plan.in_flight && m_bytes_under_way + bytes <= m_plan.byte_limit);
}

bool Courier::idle() const {
    const std::lock_guard lock(m_mutex);
    return m_under_way == 0;
}

void Courier::submit(protocol::SegmentWriter segment) {
    const std::lock_guard lock(m_mutex);
    ++m_under_way;
    m_bytes_under_way += segment.raw_bytes();
    m_expected =
        std::max({m_expected, segment.header().last_commit_end, segment.header().advance_to});
    m_queue.push_back({std::move(segment), m_next_sequence++});
    m_changed.notify_all();
}

void Courier::done(std::uint64_t bytes) {
    {
        const std::lock_guard lock(m_mutex);
        --m_under_way;
        m_bytes_under_way -= bytes;
    }
    m_link.wake();
}

template <class Work>
bool Courier::guarded(Work&& work, const char* doing) {
    base::Backoff backoff(milliseconds(100), milliseconds(5000), std::random_device{}());
    Complaint complaint;
    while (!m_stop) {
        try {
            const bool go_on = work();
            if (complaint.over()) {
                process::log_info("the environment answers again", {{"doing", doing}});
            }
            m_link.trouble("");
            return go_on;
        } catch (const base::Error& e) {
            if (m_stop) {
                return false;
            }
            if (e.kind() != base::ErrorKind::transient) {
                m_link.fail(e);
                return false;
            }
            m_link.trouble(e.what());
            complaint.tell(doing, e.what());
        } catch (const std::exception& e) {
            m_link.fail(base::Error(base::ErrorKind::bug, std::string(doing) + ": " + e.what()));
            return false;
        }
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, backoff.next(), [this] { return m_stop.load(); });
    }
    return false;
}

void Courier::send_loop() {
    std::optional<EnvironmentApi> api;
    for (;;) {
        std::optional<Item> item;
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return m_stop || !m_queue.empty(); });
            if (m_stop) {
                return;
            }
            item = std::move(m_queue.front());
            m_queue.pop_front();
        }
        protocol::SegmentHeader header = item->segment.header();
        header.session = m_session;
        header.sequence = item->sequence;
        const std::uint64_t bytes = item->segment.raw_bytes();
        std::string body;
        const bool go_on = guarded(
            [&] {
                if (body.empty()) {
                    body = protocol::encode(header, item->segment.payload(), m_plan.compression);
                    item.reset();
                }
                if (!api) {
                    api.emplace(m_settings, &m_stop);
                }
                const auto progress = api->segment(body);
                if (!progress) {
                    m_link.lose_session();
                    return false;
                }
                m_link.progress(*progress);
                return true;
            },
            "sending a segment");
        if (!go_on) {
            return;
        }
        done(bytes);
    }
}

void Courier::position_loop() {
    std::optional<EnvironmentApi> api;
    for (;;) {
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return m_stop || m_link.durable() < m_expected; });
            if (!m_stop) {
                m_changed.wait_for(lock, k_between_positions, [this] { return m_stop.load(); });
            }
            if (m_stop) {
                return;
            }
        }
        const bool go_on = guarded(
            [&] {
                if (!api) {
                    api.emplace(m_settings, &m_stop);
                }
                const auto progress =
                    api->position(m_plan.session, m_link.durable(), k_position_wait);
                if (!progress) {
                    m_link.lose_session();
                    return false;
                }
                m_link.progress(*progress);
                return true;
            },
            "asking for the durable position");
        if (!go_on) {
            return;
        }
    }
}

}  // namespace ardent::agent
