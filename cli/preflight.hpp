// SPDX-License-Identifier: PostgreSQL
// `ardent connector preflight`: the catalogue from where the command stands. Needs no environment.
#pragma once

#include <iosfwd>
#include <string>

namespace ardent::cli {

struct PreflightOptions {
    std::string url;
    std::string schemas = "public";
    std::string role;    // empty: ardent_replication
    std::string accept;  // JSON text, or @file
    std::string decisions_file;
    std::string provider;      // empty: detected
    bool probe_slot = false;   // create a temporary slot, and drop it
    bool full_grants = false;  // the grant script has everything
    bool json = false;
    bool verbose = false;
};

/// Writes the report to `out`. 0: nothing failed; 1: the source is out of reach; 2: a check failed.
/// Throws base::Error (config) for arguments that cannot be read.
int preflight(const PreflightOptions& options, std::ostream& out);

}  // namespace ardent::cli
