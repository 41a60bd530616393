// SPDX-License-Identifier: PostgreSQL
// The scripts that preflight prints for a DBA. Each says what it changes and how to undo it, can be
// run again, and has no password in it.
#pragma once

#include "common/preflight/preflight.hpp"
#include "common/preflight/query_runner.hpp"

#include <string>
#include <vector>

namespace ardent::preflight {

struct GrantScript {
    std::string text;
    bool nothing = false;  // nothing is missing, and the text says so
};

/// For `psql -v ON_ERROR_STOP=1 -1`: the role, CONNECT, USAGE, SELECT, default privileges of each
/// role that creates tables, and the permission to use wal2json where the server asks for one. What
/// the role has already, in whatever way, is left out unless `request.full_grants`. What the caller
/// may not run stands in blocks of their own.
GrantScript grant_script(QueryRunner& runner, const Request& request, ServerProbe* probe = nullptr);

/// For psql without -1 (ALTER SYSTEM refuses a transaction). Guarded when it runs: a setting that
/// is high enough by then is left alone. For a managed server it says where the settings are
/// changed, and shows them.
std::string settings_script(QueryRunner& runner, const std::string& provider = {});

/// Makes the server refuse TLS below 1.2, and lowers nothing when it runs. `provider` is a name of
/// parse_provider; empty: vanilla.
std::string tls_version_fix(const std::string& provider);

/// Lines for pg_hba.conf. Throws base::Error (22023) for an address that is none.
std::string hba_lines(QueryRunner& runner, const std::string& role, const std::string& address);

/// The same without a session; `ssl`: the server has ssl = on.
std::string hba_lines(const std::string& database, bool ssl, const std::string& role,
                      const std::string& address);

/// One table and how the server identifies its rows.
struct TableIdentity {
    std::string plain_name;   // schema.table
    std::string quoted_name;  // as SQL needs it
    char setting = 'd';       // pg_class.relreplident
    std::string index;        // the index that identifies rows, quoted, empty when there is none
    std::string columns;      // its columns
    std::string candidate;    // a unique index that could, quoted and with its schema
    bool deferrable_key = false;

    bool identified() const noexcept { return setting == 'f' || !index.empty(); }
};

/// Every logged table of the schemas but those of extensions, partitions by themselves, in the
/// order of their names.
std::vector<TableIdentity> replica_identities(QueryRunner& runner,
                                              const std::vector<std::string>& schemas);

/// The ALTER TABLE statements that the decisions ask for. Throws base::Error (22023) for a table
/// that is not there, and when a table without identity, of a schema that the decisions name, is
/// left out.
std::string replica_identity_script(QueryRunner& runner,
                                    const std::map<std::string, Decision>& decisions);

}  // namespace ardent::preflight
