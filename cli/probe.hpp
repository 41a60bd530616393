// SPDX-License-Identifier: PostgreSQL
// What can be said about a source before there is a connection. One thread; no message has a password.
#pragma once

#include "common/pq/connection.hpp"
#include "common/preflight/report.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

struct SourceUrl {
    std::string text;      // as libpq takes it; may hold a password
    std::string target;    // "host:port" for people
    std::string user;      // empty: libpq's default
    std::string database;  // empty: libpq's default
};

/// Throws base::Error (config) for a URL that libpq cannot read. The message does not repeat it.
SourceUrl read_source_url(const std::string& url);

struct Probe {
    std::vector<preflight::CheckResult> checks;  // `tcp reachable`, `auth`
    bool reachable = false;                      // a PostgreSQL server answered
    std::optional<pq::Connection> connection;
};

/// Tries the address, then the login. Never throws for what the source answers: it is in the checks.
Probe probe_source(const SourceUrl& url);

}  // namespace ardent::cli
