// SPDX-License-Identifier: PostgreSQL
// The list of checks from where the agent stands. On the caller's connection and thread.
#pragma once

#include "agent/config/settings.hpp"
#include "common/pq/connection.hpp"
#include "common/preflight/report.hpp"

#include <atomic>
#include <string>

namespace ardent::agent {

/// Our own slot counts as ours, and excluded tables as decided. Throws base::Error (transient) when
/// the connection is lost, and before the next statement once `stop` is true.
preflight::Report run_preflight(pq::Connection& connection, const Settings& settings,
                                const std::atomic<bool>* stop = nullptr);

/// The labels of the checks that failed, with what they found: "wal_level (replica); …".
std::string failing_checks(const preflight::Report& report);

/// As hello carries it.
std::string preflight_json(const preflight::Report& report);

}  // namespace ardent::agent
