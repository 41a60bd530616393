// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/statement_settings.hpp"

#include "common/base/text.hpp"

#include <array>
#include <string_view>
#include <vector>

namespace ardent::replay {

namespace {

// docs/ddl.md, "settings"; session_replication_role is the replica's own, and there are no tablespaces here.
constexpr std::array<std::string_view, 11> k_settings = {"standard_conforming_strings",
                                                         "default_table_access_method",
                                                         "default_toast_compression",
                                                         "check_function_bodies",
                                                         "xmloption",
                                                         "DateStyle",
                                                         "IntervalStyle",
                                                         "TimeZone",
                                                         "transform_null_equals",
                                                         "array_nulls",
                                                         "quote_all_identifiers"};
// What the session that applies has another way, and a statement of the source must not see.
constexpr std::array<std::string_view, 4> k_ordinary = {"row_security", "enable_seqscan",
                                                        "enable_hashjoin", "enable_mergejoin"};

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
    for (const std::string_view name : k_settings) {
        const auto found = statement.settings.find(std::string(name));
        if (found != statement.settings.end()) {
            set(name, found->second);
        }
    }
    set("search_path", statement.search_path);
    if (role) {
        set("role", *role);
    }
    return "SELECT " + base::join(calls, ", ");
}

std::string leave_settings(const model::DdlStatement& statement) {
    std::string sql = "SET LOCAL role TO DEFAULT; SET LOCAL search_path TO DEFAULT";
    for (const std::string_view name : k_ordinary) {
        sql += "; SET LOCAL " + std::string(name) + " TO DEFAULT";
    }
    for (const std::string_view name : k_settings) {
        if (statement.settings.count(std::string(name)) > 0) {
            sql += "; SET LOCAL " + std::string(name) + " TO DEFAULT";
        }
    }
    return sql;
}

SqlText read_text(const model::DdlStatement& statement, const std::string& text) {
    const auto found = statement.settings.find("standard_conforming_strings");
    return {text, found == statement.settings.end() || found->second != "off"};
}

}  // namespace ardent::replay
