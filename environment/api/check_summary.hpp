// SPDX-License-Identifier: PostgreSQL
// What a PreflightReport comes down to. Pure; any thread.
#pragma once

#include "environment/state/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

struct CheckFinding {
    std::string id;
    std::string label;
    std::string status;  // "fail", "warn"
    std::string detail;  // the first line of what was found
};

struct CheckSummary {
    std::size_t failing = 0;
    std::size_t warning = 0;
    std::vector<CheckFinding> findings;  // failures first, each in the report's order
};

/// nullopt for a text without checks, as before the first hello.
std::optional<CheckSummary> summarize(const std::string& report);

/// Seconds since 1970 of ConnectorRecord::preflight_at; nullopt when there is none.
std::optional<std::uint64_t> checked_at(const ConnectorRecord& record);

}  // namespace ardent::environment
