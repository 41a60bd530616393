// SPDX-License-Identifier: PostgreSQL
#include "cli/waiting.hpp"

#include "cli/failure.hpp"
#include "common/config/units.hpp"

#include <algorithm>
#include <cstdio>

namespace ardent::cli {

using std::chrono::milliseconds;

namespace {

constexpr std::int64_t k_create_longest_ms = 3900000;
constexpr std::int64_t k_delete_longest_ms = 600000;
constexpr std::int64_t k_delete_poll_ms = 2000;
constexpr std::int64_t k_at_server_seconds = 5;
constexpr std::int64_t k_at_server_seconds_most = 10;
constexpr std::int64_t k_largest =
    std::int64_t{1000} * 60 * 60 * 24 * 365;  // keeps sums far from overflow

/// Nothing when it is not set, or zero.
std::optional<std::int64_t> strict(const Variables& environment, const std::string& name) {
    const std::string text = variable(environment, name);
    if (text.empty()) {
        return std::nullopt;
    }
    const auto number = config::parse_integer(text);
    if (!number || *number < 0) {
        throw usage_failure(name + " is \"" + text + "\", which is no positive whole number",
                            "Write one, or leave the variable out.");
    }
    return *number == 0 ? std::nullopt : std::optional(std::min(*number, k_largest));
}

std::int64_t lenient(const Variables& environment, const std::string& name,
                     std::int64_t otherwise) {
    const auto number = config::parse_integer(variable(environment, name));
    return number && *number > 0 ? std::min(*number, k_largest) : otherwise;
}

std::string counted(long long count, const std::string& unit) {
    return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
}

}  // namespace

Waiting create_waiting(const Variables& environment, const std::string& timeout) {
    Waiting waiting;
    waiting.longest = milliseconds(
        strict(environment, "ARDENT_BRANCH_CREATE_MAX_WAIT_MS").value_or(k_create_longest_ms));
    if (const auto poll = strict(environment, "ARDENT_BRANCH_CREATE_POLL_INTERVAL_MS")) {
        waiting.poll = milliseconds(*poll);
    }
    waiting.at_server = std::chrono::seconds(
        std::min(strict(environment, "ARDENT_BRANCH_CREATE_OPERATION_WAIT_SECONDS")
                     .value_or(k_at_server_seconds),
                 k_at_server_seconds_most));
    if (!timeout.empty()) {
        const auto given = config::parse_duration(timeout);
        if (!given || given->count() <= 0) {
            throw usage_failure("--timeout " + timeout + " is no time", "Write 30s, 10min or 2h.");
        }
        waiting.longest = std::min(*given, milliseconds(k_largest));
    }
    return waiting;
}

Waiting delete_waiting(const Variables& environment) {
    Waiting waiting;
    waiting.longest =
        milliseconds(lenient(environment, "ARDENT_BRANCH_DELETE_MAX_WAIT_MS", k_delete_longest_ms));
    waiting.poll = milliseconds(
        lenient(environment, "ARDENT_BRANCH_DELETE_POLL_INTERVAL_MS", k_delete_poll_ms));
    return waiting;
}

std::chrono::seconds read_time(const std::string& name, const std::string& text) {
    if (text == "never") {
        return std::chrono::seconds(0);
    }
    const auto given = config::parse_duration(text);
    if (!given || *given < std::chrono::seconds(1)) {
        throw usage_failure(name + " " + text + " is no time", "Write 12h, 7d or never.");
    }
    return std::chrono::duration_cast<std::chrono::seconds>(
        std::min(*given, milliseconds(k_largest)));
}

std::string patience_text(milliseconds time) {
    const long long count = time.count();
    if (count % 60000 == 0) {
        return counted(count / 60000, "minute");
    }
    if (count % 1000 == 0) {
        return counted(count / 1000, "second");
    }
    char text[32];
    std::snprintf(text, sizeof text, "%g seconds", static_cast<double>(count) / 1000);
    return text;
}

}  // namespace ardent::cli
