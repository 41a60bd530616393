// SPDX-License-Identifier: PostgreSQL
// What the disk's watch asks of the branches, and what is done about it.
#include "environment/branch/branches.hpp"

#include "common/base/error.hpp"

namespace ardent::environment {

namespace {

// For a checkpoint; then the hard way, which loses nothing either: the branch recovers when it may
// run again.
constexpr auto k_patience = std::chrono::seconds(3);

}  // namespace

std::vector<std::string> Branches::running_branches() const {
    std::vector<std::string> running;
    for (const BranchPointer& branch : all()) {
        const BranchRecord record = branch->record();
        if (record.phase == BranchPhase::active && record.disk_stop.empty() && branch->running()) {
            running.push_back(record.id);
        }
    }
    return running;
}

std::vector<std::string> Branches::stopped_for_disk() const {
    std::vector<std::string> stopped;
    for (const BranchPointer& branch : all()) {
        const BranchRecord record = branch->record();
        if (record.phase == BranchPhase::active && !record.disk_stop.empty()) {
            stopped.push_back(record.id);
        }
    }
    return stopped;
}

std::optional<OwnBytes> Branches::measure(const std::string& id,
                                          std::chrono::system_clock::time_point since) const {
    const BranchPointer branch = by_id(id);
    return branch ? branch->lasting_bytes(since) : std::nullopt;
}

// Clients that wait at the door, or come to it, make it ask for a start, which is refused
// (run_start).
void Branches::stop_for_disk(const std::string& id, const std::string& reason) {
    if (const BranchPointer branch = by_id(id)) {
        branch->stop_for_disk(reason, k_patience);
        m_door.end_sessions(id);
    }
}

void Branches::end_disk_stop(const std::string& id) {
    if (const BranchPointer branch = by_id(id)) {
        branch->end_disk_stop();
    }
}

void Branches::let_run(const BranchPointer& branch) {
    const BranchRecord record = branch->record();
    if (!record.disk_stop.empty()) {
        const auto own = branch->lasting_bytes();
        m_watch.allow(record.id, own ? own->all : 0);
        branch->end_disk_stop();
    }
}

}  // namespace ardent::environment
