// SPDX-License-Identifier: PostgreSQL
// Child processes with an exact argument vector, environment and descriptors (0, 1, 2 and `kept`),
// no shell. What `run` starts dies with its parent (PR_SET_PDEATHSIG); what `start` starts lives
// on. Any thread.
#pragma once

#include "common/base/fd.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace ardent::process {

struct Command {
    std::vector<std::string> argv;  // argv[0] is looked up in PATH unless it has a slash
    /// The whole environment of the child: nothing is inherited. `plain_environment` is the usual
    /// base.
    std::map<std::string, std::string> environment;
    std::string input_file;  // stdin; empty: /dev/null
    std::vector<int> kept;   // descriptors that the child has under the same numbers
};

/// PATH, HOME, LANG=C.UTF-8, LC_MESSAGES=C, TMPDIR as this process has them: no secrets.
std::map<std::string, std::string> plain_environment();

struct Outcome {
    int exit_code = 0;   // 128 + signal when a signal ended it
    std::string error;   // the tail of stderr, at most 8 kB
    std::string output;  // stdout, unless a sink took it
};

/// Runs to the end. stdout goes to `sink` in pieces when there is one, otherwise into the outcome.
/// Returning false from `sink` or from `go_on` (asked every 200 ms) terminates the child: SIGTERM,
/// and SIGKILL after 5 s. Throws base::Error (config) when the program cannot be started.
Outcome run(const Command& command, const std::function<bool(std::string_view)>& sink = {},
            const std::function<bool()>& go_on = {});

/// Starts a program that may live longer than this one: in a session of its own, a child of process
/// 1 (or of the nearest subreaper), so that nobody here has to wait for it. stdout and stderr are
/// appended to `output_file` (mode 0600, never a link). Returns its pid once the program runs.
/// Throws base::Error (config) when it cannot be started.
pid_t start(const Command& command, const std::string& output_file);

}  // namespace ardent::process
