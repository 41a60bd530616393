// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/disk_watch.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <algorithm>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;

constexpr milliseconds k_pause{1000};
// A disk takes some hundred megabytes in a second.
constexpr milliseconds k_short_pause{100};
constexpr std::uint64_t k_near = 4;  // reserves
constexpr std::chrono::seconds k_at_least_each{60};
// Of the limit and of the reserve: what may go before the branches are measured again.
constexpr std::uint64_t k_share = 16;
constexpr std::uint64_t k_smallest_step = std::uint64_t{4} << 20U;
// Below this a server does no more than look after itself: a checkpoint, statistics.
constexpr std::uint64_t k_noticeable = std::uint64_t{1} << 20U;
constexpr std::uint64_t k_least_allowance = std::uint64_t{64} << 20U;

}  // namespace

std::vector<DiskVerdict> judge_use(const std::vector<DiskUse>& uses,
                                   const std::function<std::uint64_t(const std::string&)>& limit_of,
                                   bool scarce, const std::string& room) {
    std::vector<DiskVerdict> verdicts;
    for (const DiskUse& use : uses) {
        if (const std::uint64_t limit = limit_of(use.branch); limit != 0 && use.own > limit) {
            verdicts.push_back({use.branch, "over its disk limit (" + base::human_bytes(use.own) +
                                                " of " + base::human_bytes(limit) + ")"});
        }
    }
    if (!scarce || !verdicts.empty()) {
        return verdicts;
    }
    const auto most =
        std::max_element(uses.begin(), uses.end(), [](const DiskUse& one, const DiskUse& other) {
            return std::pair(one.grown, one.own) < std::pair(other.grown, other.own);
        });
    if (most != uses.end() && most->grown >= k_noticeable) {
        verdicts.push_back({most->branch, "it grows most (it owns " + base::human_bytes(most->own) +
                                              "), and the disk of the environment has " + room});
    }
    return verdicts;
}

DiskWatch::DiskWatch(DiskWatchHost& host, const DiskRoom& room, std::uint64_t limit)
    : m_host(host), m_room(room), m_limit(limit) {}

void DiskWatch::start() {
    m_thread = std::thread([this] { run(); });
}

void DiskWatch::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_changed.notify_all();
    }
    if (m_thread.joinable()) {
        m_thread.join();
    }
}

void DiskWatch::run() {
    std::unique_lock lock(m_mutex);
    while (!m_stopping) {
        lock.unlock();
        try {
            look();
        } catch (const std::exception& error) {
            process::log_warning("the disk cannot be watched", {{"error", error.what()}});
        }
        lock.lock();
        m_changed.wait_for(lock, pause(), [this] { return m_stopping; });
    }
}

milliseconds DiskWatch::pause() const {
    return m_free / k_near < m_room.reserve() ? k_short_pause : k_pause;
}

// Without a limit nothing follows from what branches own while there is room.
bool DiskWatch::is_due(std::uint64_t free) const {
    const std::uint64_t reserve = m_room.reserve();
    if (m_limit == 0 && free >= reserve) {
        return false;
    }
    const bool near = free / k_near < reserve;
    const std::uint64_t share = m_limit == 0 ? reserve
                                : near       ? std::min(m_limit, reserve)
                                             : m_limit;
    return Clock::now() - m_measured >= k_at_least_each ||
           m_most_free - free >= std::max(share / k_share, k_smallest_step);
}

void DiskWatch::look() {
    const std::uint64_t free = m_room.free();
    m_free = free;
    m_most_free = std::max(m_most_free, free);
    const bool due = is_due(free);
    // Before others are stopped, who are not let go in the same breath.
    if (due || m_limit == 0) {
        let_go(free);
    }
    if (due) {
        const std::vector<DiskVerdict> verdicts = judge_use(
            measure_running(), [this](const std::string& branch) { return limit_of(branch); },
            free < m_room.low_water(), told_room(free, m_room.reserve()));
        for (const DiskVerdict& verdict : verdicts) {
            process::log_warning("a branch is suspended",
                                 {{"branch", verdict.branch}, {"reason", verdict.reason}});
            m_host.stop_for_disk(verdict.branch, verdict.reason);
        }
    }
}

std::uint64_t DiskWatch::limit_of(const std::string& branch) const {
    const std::lock_guard lock(m_mutex);
    const auto known = m_known.find(branch);
    return known != m_known.end() && known->second.allowed != 0 ? known->second.allowed : m_limit;
}

// One that is measured for the first time has grown by nothing that is known. What has come back
// below its limit needs no allowance any more.
std::vector<DiskUse> DiskWatch::measure_running() {
    const auto since = m_measured_at;
    m_measured = Clock::now();
    m_measured_at = std::chrono::system_clock::now();
    m_most_free = m_free;
    std::vector<DiskUse> uses;
    for (const std::string& branch : m_host.running_branches()) {
        const auto own = m_host.measure(branch, since);
        if (!own) {
            continue;
        }
        const std::lock_guard lock(m_mutex);
        const auto [known, is_new] = m_known.try_emplace(branch);
        const std::uint64_t before = is_new ? own->all : std::min(known->second.own, own->all);
        uses.push_back({branch, own->all, std::min(own->all - before, own->written)});
        known->second.own = own->all;
        if (own->all <= m_limit) {
            known->second.allowed = 0;
        }
    }
    return uses;
}

void DiskWatch::let_go(std::uint64_t free) {
    if (free < m_room.reserve()) {
        return;
    }
    for (const std::string& branch : m_host.stopped_for_disk()) {
        const auto own = m_limit == 0 ? std::optional(OwnBytes{}) : m_host.measure(branch, {});
        if (own && (m_limit == 0 || own->all <= limit_of(branch))) {
            process::log_info("a branch may run again", {{"branch", branch}});
            m_host.end_disk_stop(branch);
        }
    }
}

void DiskWatch::allow(const std::string& branch, std::uint64_t own) {
    const std::uint64_t free = m_room.free();
    if (free < m_room.low_water()) {
        throw Error(ErrorKind::replica,
                    "there is no room for it: the disk of the environment has " +
                        told_room(free, m_room.reserve()) + ": delete a branch, or reset this one");
    }
    if (m_limit != 0 && own > m_limit) {
        const std::lock_guard lock(m_mutex);
        Known& known = m_known[branch];
        known.own = own;
        known.allowed = own + std::max(m_limit / 10, k_least_allowance);
    }
}

void DiskWatch::forget(const std::string& branch) {
    const std::lock_guard lock(m_mutex);
    m_known.erase(branch);
}

}  // namespace ardent::environment
