// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/statement_settings.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

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

// A locale of the host's, or a configuration of text search: the others have values of the
// program's own.
bool names_an_object(std::string_view setting) {
    return setting == "default_text_search_config" || setting.starts_with("lc_");
}

bool can_be_set(pq::Connection& connection, const std::pair<const std::string, std::string>& one) {
    connection.exec("SAVEPOINT ardent_setting");
    bool set = true;
    try {
        connection.exec("SELECT pg_catalog.set_config($1, $2, true)", {one.first, one.second});
    } catch (const base::Error& error) {
        if (error.kind() == base::ErrorKind::transient || !connection.ok()) {
            throw;
        }
        set = false;
    }
    connection.exec("ROLLBACK TO SAVEPOINT ardent_setting");
    connection.exec("RELEASE SAVEPOINT ardent_setting");
    return set;
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
    for (const auto& [name, value] : statement.current) {
        if (name != "search_path" && name != "role" && name != "session_authorization") {
            set(name, value);
        }
    }
    // The source has looked at a function's body already, and a body may name what is not here: a
    // temporary table, a schema that is not carried.
    set("check_function_bodies", "off");
    set("search_path", statement.search_path);
    if (role) {
        set("role", *role);
    }
    return "SELECT " + base::join(calls, ", ");
}

std::vector<ddl::Setting> unsettable(pq::Connection& connection,
                                     const model::DdlStatement& statement,
                                     std::map<std::string, bool>& known) {
    std::vector<ddl::Setting> settings;
    for (const ddl::Setting& setting : ddl::k_settings) {
        const auto found = statement.settings.find(setting.name);
        if (!names_an_object(setting.name) || found == statement.settings.end() ||
            found->second == setting.ordinary) {
            continue;
        }
        const std::string key = found->first + "=" + found->second;
        auto settable = known.find(key);
        if (settable == known.end()) {
            settable = known.emplace(key, can_be_set(connection, *found)).first;
        }
        if (!settable->second) {
            settings.push_back(setting);
        }
    }
    return settings;
}

}  // namespace ardent::replay
