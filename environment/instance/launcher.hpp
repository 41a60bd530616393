// SPDX-License-Identifier: PostgreSQL
// Starts an instance's server, contained where that works here.
#pragma once

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/server_process.hpp"

#include <string>

namespace ardent::environment {

/// Taken before a server is started, and inherited by it and all of its children: while one of them
/// lives nobody else gets it. PostgreSQL's own interlocks (postmaster.pid, shared memory) do not
/// see into another namespace: two contained servers on one data directory would both serve. The
/// environment's own directory has such a lock, too. Not valid: somebody has it. Throws base::Error
/// of this kind when the file cannot be opened or locked.
base::Fd try_lock(const std::string& file, base::ErrorKind kind = base::ErrorKind::transient);

struct Launch {
    std::string instance;  // for messages
    ServerFiles files;
    std::string output_file;  // what the server says before its log begins
    std::string
        information_file;  // for ServerProcess::recover; written when the server is contained
    int lock = -1;         // try_lock's
};

/// Returns when the server's process runs; it accepts connections later. Throws base::Error
/// (transient).
ServerProcess launch_server(const Containment& containment, const Launch& launch);

}  // namespace ardent::environment
