// SPDX-License-Identifier: PostgreSQL
// How the catalogue looks at a server. The extension answers over SPI, the command line and the
// agent over libpq (connection_runner.hpp). Used by one thread; the caller owns both objects.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ardent::preflight {

using Cell = std::optional<std::string>;  // text format; nullopt is NULL
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;

/// What a runner sets for its statements: compiling them costs more than it saves, and workers are
/// the application's.
inline constexpr const char* k_frugal =
    "SELECT pg_catalog.set_config('jit', 'off', true), "
    "pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)";

class QueryRunner {
public:
    virtual ~QueryRunner() = default;

    /// One read-only statement; parameters are $1, $2, … of type text. Throws base::Error with the
    /// server's SQLSTATE; unless it is transient, the runner must be usable for the next statement.
    virtual Rows run(const std::string& sql, const Row& parameters) = 0;

protected:
    QueryRunner() = default;
    QueryRunner(const QueryRunner&) = default;
    QueryRunner& operator=(const QueryRunner&) = default;
};

/// What loading an output plugin inside the server showed.
struct PluginProbe {
    bool loadable = false;
    bool missing = false;   // no such library on the server
    std::string problem;    // the server's message when it is not loadable
    bool says_nan = false;  // knows numeric-data-types-as-string (wal2json 2.6 and later)
};

/// What only code inside the server can see.
class ServerProbe {
public:
    virtual ~ServerProbe() = default;

    /// Loads the library as the server would and looks its entry up. No slot is created.
    virtual PluginProbe probe_plugin(const std::string& library) = 0;

    /// Runs a constant statement of the catalogue with the rights of the server itself, so that a
    /// verdict can be given to a caller who may not see what it rests on.
    virtual Rows run_privileged(const std::string& sql, const Row& parameters) = 0;

    /// Bytes free under pg_wal; nullopt when the caller may not know.
    virtual std::optional<std::string> wal_disk_free() = 0;

protected:
    ServerProbe() = default;
    ServerProbe(const ServerProbe&) = default;
    ServerProbe& operator=(const ServerProbe&) = default;
};

}  // namespace ardent::preflight
