// SPDX-License-Identifier: PostgreSQL
// What stands between this machine and the server, and whether replication gets through: the checks
// `direct connection` and `replication connection`.
#pragma once

#include "cli/source_url.hpp"
#include "common/pq/connection.hpp"
#include "common/preflight/provider.hpp"
#include "common/preflight/report.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::cli {

/// What to name instead of a provider's pooler; empty for a host that is not known as one.
std::string instead_of_pooler(std::string_view host);

/// Fails without asking when the host is known, or when `refusal` (a connection error) is a
/// pooler's. nullopt: only a connection can tell.
std::optional<preflight::CheckResult> judge_host(const SourceUrl& url, const std::string& refusal);

/// `connection` was opened with `mark` (common/pq/direct.hpp).
preflight::CheckResult check_direct(pq::Connection& connection, const std::string& mark);

/// What the command's connections share. `settings` are added to those that make text exact.
pq::ConnectOptions source_options(const SourceUrl& url,
                                  const std::map<std::string, std::string>& settings);

/// A walsender of the URL's database.
pq::Connection connect_walsender(const SourceUrl& url,
                                 const std::map<std::string, std::string>& settings);

/// Opens a walsender when the URL's user is the replication role, and sees that it is the same
/// server.
preflight::CheckResult check_replication(const SourceUrl& url, pq::Connection& connection,
                                         const std::string& role,
                                         const preflight::Provider& provider);

}  // namespace ardent::cli
