// SPDX-License-Identifier: PostgreSQL
// Starts an instance's server, contained where that works here.
#pragma once

#include "common/base/fd.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/server_process.hpp"

#include <string>

namespace ardent::environment {

/// Taken before a server is started, and inherited by it and all of its children: while one of them lives nobody else gets
/// it. PostgreSQL's own interlocks (postmaster.pid, shared memory) do not see into another namespace: two contained servers
/// on one data directory would both serve. Not valid: somebody has it. Throws base::Error (transient).
base::Fd try_lock(const std::string& file);

struct Launch {
    std::string instance;  // for messages
    ServerFiles files;
    std::string output_file;  // what the server says before its log begins
    int lock = -1;            // try_lock's
};

/// Returns when the server's process runs; it accepts connections later. Throws base::Error (transient).
ServerProcess launch_server(const Containment& containment, const Launch& launch);

}  // namespace ardent::environment
