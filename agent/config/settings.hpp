// SPDX-License-Identifier: PostgreSQL
// The settings of ardent-agent as one value, read once at start. Immutable afterwards; any thread.
// Secrets are not in it, only the files they are in: they are read anew whenever they are used.
#pragma once

#include "common/config/config.hpp"
#include "common/model/table_definition.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::agent {

struct EnvironmentSettings {
    std::string url;
    std::string connector;
    std::string token_file;
    std::string ca_file;
};

struct SourceSettings {
    std::string host;  // name, address or folder of a Unix socket; of several the primary
    std::string port;
    std::string database;
    std::string user;
    std::string password_file;
    std::string sslmode;
    std::string sslrootcert;
    std::string pg_dump;  // empty: the one of the server's major
    std::vector<std::string> schemas;
    std::vector<model::RelationName> excluded;
    std::chrono::milliseconds preflight_interval{};  // 0: only at every connect
    std::chrono::milliseconds sequence_interval{};
};

struct SlotSettings {
    std::string name;
    std::string plugin;
    bool accept_large_objects = false;
};

struct LimitSettings {
    std::uint64_t segment_bytes = 0;  // raw bytes of messages
    unsigned in_flight = 0;
    int compression = 0;  // zstd level, 0 none
    std::optional<std::uint64_t> max_retained_wal;
    std::chrono::milliseconds drain{};
};

struct Settings {
    EnvironmentSettings environment;
    SourceSettings source;
    SlotSettings slot;
    LimitSettings limits;
    std::string log_level;
};

/// The options of the configuration file, environment variables and flags.
const std::vector<config::Option>& options();

/// Throws base::Error (config): an excluded table that is no schema.table, a preflight or sequence
/// interval below a second, a slot name that the server would refuse or that does not begin with
/// ardent_.
Settings read_settings(const config::Values& values);

/// The table's schema is carried, and the table itself is not left out. What kind of relation it
/// is, only the catalog says.
bool selects(const SourceSettings& source, const model::RelationName& table);

/// A secret as it is now. Throws base::Error (transient): what was right at the start may be in the
/// middle of a change.
std::string current_secret(const std::string& path);

/// True when each of the hosts is a Unix socket's folder, localhost or a loopback address.
bool is_local_host(const std::string& hosts);

/// "ardent_" and the part of the connector's id behind its last underscore, without hyphens.
std::string default_slot_name(const std::string& connector);

}  // namespace ardent::agent
