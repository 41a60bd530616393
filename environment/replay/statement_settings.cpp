// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/statement_settings.hpp"

#include "common/base/text.hpp"
#include "common/ddl/settings.hpp"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace ardent::replay {

namespace {

// What the session that applies has another way, and a statement of the source must not see.
constexpr std::array<std::string_view, 4> k_ordinary = {"row_security", "enable_seqscan",
                                                        "enable_hashjoin", "enable_mergejoin"};

// The replica has no tablespaces, and a session_replication_role of its own.
bool is_followed(const ddl::Setting& setting, int major) {
    const std::string_view name = setting.name;
    return name != "default_tablespace" && name != "session_replication_role" &&
           major >= setting.since;
}

/// Name and value of those that the statement ran under and the replica follows.
std::vector<std::pair<std::string, std::string>> followed(const pq::Connection& connection,
                                                          const model::DdlStatement& statement) {
    std::vector<std::pair<std::string, std::string>> settings;
    for (const ddl::Setting& setting : ddl::k_settings) {
        const auto found = statement.settings.find(setting.name);
        if (found != statement.settings.end() &&
            is_followed(setting, connection.server_version() / 10000)) {
            settings.emplace_back(*found);
        }
    }
    return settings;
}

}  // namespace

std::string enter_settings(pq::Connection& connection, const model::DdlStatement& statement,
                           const std::optional<std::string>& role) {
    std::vector<std::string> calls;
    const auto set = [&](std::string_view name, std::string_view value) {
        calls.push_back("pg_catalog.set_config(" + connection.quote_literal(name) + ", " +
                        connection.quote_literal(value) + ", true)");
    };
    for (const std::string_view name : k_ordinary) {
        set(name, "on");
    }
    for (const auto& [name, value] : followed(connection, statement)) {
        set(name, value);
    }
    set("search_path", statement.search_path);
    if (role) {
        set("role", *role);
    }
    return "SELECT " + base::join(calls, ", ");
}

}  // namespace ardent::replay
