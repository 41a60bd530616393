// SPDX-License-Identifier: PostgreSQL
// The catalogue's doors inside the server: statements over SPI, plugins by the server's own loader.
#pragma once

#include "common/preflight/query_runner.hpp"

#include <string>

namespace ardent::ext::pg {

/// Read-only SPI with the snapshot and the rights of the calling statement, each in a
/// sub-transaction, so that a refused look leaves the rest possible. Works on a standby and in a
/// READ ONLY transaction.
class SpiRunner final : public preflight::QueryRunner {
public:
    preflight::Rows run(const std::string& sql, const preflight::Row& parameters) override;
};

class BackendProbe final : public preflight::ServerProbe {
public:
    preflight::PluginProbe probe_plugin(const std::string& library) override;
    preflight::Rows run_privileged(const std::string& sql,
                                   const preflight::Row& parameters) override;
    std::optional<std::string> wal_disk_free() override;
};

}  // namespace ardent::ext::pg
