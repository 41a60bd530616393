// SPDX-License-Identifier: PostgreSQL
// A branch never takes the disk from the replicas: one that owns more than `branch.disk_limit` is
// suspended, and below the low-water mark of free space (disk_room.hpp) so is the one that grows
// most, then the next, until nothing grows.
//
// How full the disk is costs one call to ask, and is asked each second, more often where it comes
// near. What a branch owns costs a walk of its files: running ones are measured when a share of the
// limit or of the reserve has gone since the last time, and each minute; their WAL does not count,
// which comes and goes within bounds of its own. So a branch may be over its limit by that share
// and what it writes meanwhile. Blocks that the replica has written anew since the cut count as the
// branch's own, for nobody else has them; where the disk is full only what the branch itself wrote
// counts as growth, or it would stop for the replica's work.
//
// Whoever was stopped may run again once there is room and it is within its limit: after a
// deletion, a reset, with another setting.
#pragma once

#include "environment/branch/disk_room.hpp"
#include "environment/volume/volume.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ardent::environment {

/// What a branch has, and has come to since the look before.
struct DiskUse {
    std::string branch;
    std::uint64_t own = 0;
    std::uint64_t grown = 0;
};

struct DiskVerdict {
    std::string branch;
    std::string reason;
};

/// Who has to stop. `limit_of` answers 0 for none; `scarce`: below the low-water mark, told by
/// `room`. Pure.
std::vector<DiskVerdict> judge_use(const std::vector<DiskUse>& uses,
                                   const std::function<std::uint64_t(const std::string&)>& limit_of,
                                   bool scarce, const std::string& room);

/// Implemented by whoever owns the branches; outlives the watch. Called on its thread, holding no
/// lock.
class DiskWatchHost {
public:
    virtual ~DiskWatchHost() = default;
    virtual std::vector<std::string> running_branches() const = 0;
    /// Those that may not run for their use of the disk.
    virtual std::vector<std::string> stopped_for_disk() const = 0;
    /// nullopt: it cannot be measured, or is gone.
    virtual std::optional<OwnBytes> measure(const std::string& branch,
                                            std::chrono::system_clock::time_point since) const = 0;
    virtual void stop_for_disk(const std::string& branch, const std::string& reason) = 0;
    virtual void end_disk_stop(const std::string& branch) = 0;
};

class DiskWatch {
public:
    /// `limit`: of each branch, in bytes; 0: none.
    DiskWatch(DiskWatchHost& host, const DiskRoom& room, std::uint64_t limit);
    ~DiskWatch() { stop(); }
    DiskWatch(const DiskWatch&) = delete;
    DiskWatch& operator=(const DiskWatch&) = delete;

    void start();
    /// Idempotent.
    void stop();

    /// The operator lets a stopped branch run that owns `own`: it may come to own a tenth of its
    /// limit more, so that something can be dropped in it. Throws base::Error (replica) where there
    /// is no room. Any thread.
    void allow(const std::string& branch, std::uint64_t own);
    /// It was cut anew, or is gone: what was known of it counts no more. Any thread.
    void forget(const std::string& branch);

private:
    using Clock = std::chrono::steady_clock;
    struct Known {
        std::uint64_t own = 0;
        std::uint64_t allowed = 0;  // instead of the limit; 0: not
    };

    void run();
    void look();
    std::chrono::milliseconds pause() const;
    bool is_due(std::uint64_t free) const;
    std::uint64_t limit_of(const std::string& branch) const;
    std::vector<DiskUse> measure_running();
    void let_go(std::uint64_t free);

    DiskWatchHost& m_host;
    const DiskRoom& m_room;
    const std::uint64_t m_limit;

    mutable std::mutex m_mutex;  // never held while something is measured or stopped
    std::condition_variable m_changed;
    bool m_stopping = false;
    std::map<std::string, Known> m_known;

    // of the thread
    std::uint64_t m_free = 0;       // at the last look
    std::uint64_t m_most_free = 0;  // since the branches were measured
    Clock::time_point m_measured{};
    std::chrono::system_clock::time_point m_measured_at{};
    std::thread m_thread;
};

}  // namespace ardent::environment
