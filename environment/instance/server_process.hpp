// SPDX-License-Identifier: PostgreSQL
// The processes of one data directory, seen from outside through postmaster.pid and /proc. Pure functions
// of the system's state; any thread.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ardent::environment {

/// The pid in postmaster.pid, when that process lives and works in this data directory.
std::optional<pid_t> running_postmaster(const std::string& data_directory);

/// Every process of ours whose working directory is this data directory: a postmaster and its children, or
/// the children that a killed postmaster left behind.
std::vector<pid_t> server_processes(const std::string& data_directory);

/// Kills what a dead postmaster left behind and removes its postmaster.pid, its socket and the socket's lock
/// file: their owner may still look alive (a zombie that nobody waits for, a pid that was given away anew). To be called
/// only when `running_postmaster` has none; `socket_directory` is of this instance alone.
void clean_up_after_crash(const std::string& data_directory, const std::string& socket_directory);

}  // namespace ardent::environment
