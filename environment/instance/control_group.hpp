// SPDX-License-Identifier: PostgreSQL
// Limits of memory and processes for each instance's server, and a share of the processors, by
// control groups (version 2) where systemd has delegated them to this unit (Delegate=yes): one
// replica cannot starve another, and a branch no replica. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ardent::environment {

/// The kernel's own, of each group that is told nothing else.
inline constexpr unsigned k_cpu_weight = 100;

struct InstanceLimits {
    std::string groups;        // folder of the delegated group; empty: there is none, and no limit
    std::uint64_t memory = 0;  // bytes, the page cache that it uses included; 0: no limit
    unsigned processes = 0;    // 0: no limit
    unsigned cpu_weight = k_cpu_weight;
};

/// Moves this process into a group of its own below the delegated one, as the kernel wants it
/// before groups with limits may stand beside it, and returns the delegated one; empty, with a
/// reason in the log, where there is none.
std::string take_control_groups();

/// Puts a server that has just begun into the group `name`. What it forks later is in it, too. A
/// limit that cannot be set is a warning: the server serves without.
void limit_server(const InstanceLimits& limits, std::string_view name, pid_t server);

/// After its last process has ended.
void remove_control_group(const InstanceLimits& limits, std::string_view name);

}  // namespace ardent::environment
