// SPDX-License-Identifier: PostgreSQL
#include "agent/send/courier.hpp"

#include "agent/send/environment_api.hpp"
#include "common/base/backoff.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <functional>
#include <random>

namespace ardent::agent {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds k_position_wait{20};
constexpr milliseconds k_between_positions{10};
constexpr auto k_told_again = std::chrono::minutes(1);
constexpr long k_too_large = 413;
constexpr long k_malformed = 422;
constexpr int k_tries_of_malformed = 3;

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

/// What a refusal of this segment means. A body that cannot be read may have been damaged on the
/// way, so it is sent again a few times; what else the environment says of it, it will always say.
base::Error verdict(const EnvironmentRefusal& refusal, std::string_view body, int times) {
    const std::string what = std::string(refusal.what()) + "; it was " + describe_segment(body);
    if (refusal.status() == k_too_large) {
        return {base::ErrorKind::source, what,
                "Lower limits.segment_bytes at the agent below the limit, or raise the limit: "
                "environment.segment_bytes and environment.message_bytes, or that of a proxy "
                "before the environment. A single message above limits.segment_bytes (a large row) "
                "travels whole, so for it only the limit helps."};
    }
    if (refusal.status() == k_malformed && times < k_tries_of_malformed) {
        return {base::ErrorKind::transient, what};
    }
    return {refusal.kind(), what, refusal.hint()};
}

std::optional<protocol::Progress> send(EnvironmentApi& api, std::string_view body, int& refusals) {
    try {
        return api.segment(body);
    } catch (const EnvironmentRefusal& refusal) {
        if (refusal.kind() == base::ErrorKind::transient) {
            throw;
        }
        throw verdict(refusal, body, ++refusals);
    }
}

}  // namespace

std::string describe_segment(std::string_view body) {
    const protocol::SegmentHeader header = protocol::read_header(body);
    const std::string payload = protocol::read_payload(header, body, header.raw_bytes);
    model::Lsn last = std::max(header.first_lsn, header.advance_to);
    for (protocol::MessageReader messages(payload); !messages.done();) {
        last = std::max(last, messages.next().lsn);
    }
    return "a segment of " + std::to_string(header.messages) + " messages, LSN " +
           model::to_string(header.messages > 0 ? header.first_lsn : last) + " to " +
           model::to_string(last) + ", " + base::human_bytes(header.raw_bytes) + " (" +
           base::human_bytes(body.size()) + " as sent)";
}

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
    m_link.sends(m_expected);
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
            if (e.kind() == base::ErrorKind::replica) {
                m_link.stop_connector({e.what(), e.hint(), std::nullopt, {}});
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
        int refusals = 0;
        const bool go_on = guarded(
            [&] {
                if (body.empty()) {
                    body = protocol::encode(header, item->segment.payload(), m_plan.compression);
                    item.reset();
                }
                if (!api) {
                    api.emplace(m_settings, http::when_set(m_stop));
                }
                const auto progress = send(*api, body, refusals);
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
                    api.emplace(m_settings, http::when_set(m_stop));
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
