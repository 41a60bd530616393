// SPDX-License-Identifier: PostgreSQL
// Client programs of an instance's major that read what a source sent: contained as its server is.
// Any thread.
#pragma once

#include "common/process/subprocess.hpp"
#include "environment/instance/instance.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::environment {

struct ClientCall {
    std::string program;                 // pg_restore
    std::vector<std::string> arguments;  // paths in them as the host has them
    std::string folder;                  // the only one that it reads beside the instance's socket
};

/// Runs it to its end, or until `go_on` says no. Throws base::Error (config) when it cannot be
/// started.
process::Outcome run_client(const Instance& instance, const ClientCall& call,
                            const std::function<bool()>& go_on);

}  // namespace ardent::environment
