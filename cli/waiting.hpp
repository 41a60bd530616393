// SPDX-License-Identifier: PostgreSQL
// How long the command line waits for work of the environment, and how often it asks. Pure; any
// thread.
#pragma once

#include "cli/config_file.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace ardent::cli {

struct Waiting {
    std::chrono::milliseconds longest{0};
    /// Between two questions; nothing: longer the longer it takes, from 100 ms to 2 s.
    std::optional<std::chrono::milliseconds> poll;
    std::chrono::seconds at_server{5};  // that one question waits for the end, at most 10
};

/// ARDENT_BRANCH_CREATE_MAX_WAIT_MS (65 minutes), _POLL_INTERVAL_MS, _OPERATION_WAIT_SECONDS (5, at
/// most 10); `timeout` (--timeout) comes before the first. Zero stands for the default. Throws
/// Failure (invalid_arguments) for what is negative or no whole number.
Waiting create_waiting(const Variables& environment, const std::string& timeout);

/// ARDENT_BRANCH_DELETE_MAX_WAIT_MS (10 minutes), _POLL_INTERVAL_MS (2 s). What is no positive
/// whole number stands for the default: a negative interval would ask without a pause.
Waiting delete_waiting(const Variables& environment);

/// "7d", "36h" in seconds, "never": 0; of the option `name`. Throws Failure (invalid_arguments).
std::chrono::seconds read_time(const std::string& name, const std::string& text);

/// "65 minutes", "1 minute", "90 seconds", "1.5 seconds".
std::string patience_text(std::chrono::milliseconds time);

}  // namespace ardent::cli
