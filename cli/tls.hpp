// SPDX-License-Identifier: PostgreSQL
// The check `tls`: is what goes over the network encrypted, and does the client know with whom it
// speaks?
#pragma once

#include "cli/source_url.hpp"
#include "common/pq/connection.hpp"
#include "common/preflight/provider.hpp"
#include "common/preflight/report.hpp"

#include <string>

namespace ardent::cli {

struct TlsFacts {
    std::string host;     // as the URL has it
    std::string address;  // that the connection has; empty: a Unix socket
    std::string sslmode;  // in force, also from PGSSLMODE
    bool encrypted = false;
    std::string protocol;  // "TLSv1.3"
    std::string cipher;
    bool has_authority =
        false;  // the file with trusted authorities is there: libpq verifies with `require` too
    bool by_gss = false;  // GSSAPI encryption that the URL requires
};

TlsFacts observe_tls(const pq::Connection& connection, const SourceUrl& url);

preflight::CheckResult judge_tls(
    const TlsFacts& facts,
    const preflight::Provider& provider = preflight::find_provider(preflight::k_vanilla));

}  // namespace ardent::cli
