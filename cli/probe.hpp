// SPDX-License-Identifier: PostgreSQL
// What can be said about a source before the catalogue is asked. One thread; no message has a
// password.
#pragma once

#include "cli/source_url.hpp"
#include "common/pq/connection.hpp"
#include "common/preflight/report.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

struct Probe {
    /// `tcp reachable`, `auth`, `tls`, `direct connection`, `replication connection`, as far as it
    /// came.
    std::vector<preflight::CheckResult> checks;
    std::optional<pq::Connection>
        connection;  // empty also when a pooler answers: it is asked nothing else
};

/// Tries the address, then the login, then what stands between. `role` is the replication role.
/// Never throws for what the source answers: it is in the checks. `provider` is what the operator
/// says, or empty.
Probe probe_source(const SourceUrl& url, const std::string& role, const std::string& provider);

}  // namespace ardent::cli
