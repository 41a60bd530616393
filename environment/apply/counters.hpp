// SPDX-License-Identifier: PostgreSQL
// What a worker has done since it was made, as a value. Rows count as the source changed them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ardent::apply {

struct Counters {
    std::uint64_t transactions = 0;         // of the source, committed in the replica
    std::uint64_t target_transactions = 0;  // commits that carried them
    std::uint64_t inserted = 0;             // rows
    std::uint64_t updated = 0;
    std::uint64_t deleted = 0;
    std::uint64_t truncated = 0;             // tables
    std::uint64_t skipped_transactions = 0;  // were durable before
    std::uint64_t ignored_messages = 0;      // logical messages that are not ours
    std::uint64_t bytes = 0;                 // raw payload
    std::uint64_t ddl_applied = 0;           // statements
    std::uint64_t ddl_left_out = 0;  // of nothing that a replica carries, or named by the operator
    std::uint64_t ddl_refused = 0;   // messages with our prefix that are not the source's
    std::string ddl_last_refused;    // LSN and reason
    /// Of the source, of the last durable transaction; may be empty.
    std::string last_commit_timestamp;
    std::optional<std::chrono::system_clock::time_point> last_applied;
};

}  // namespace ardent::apply
