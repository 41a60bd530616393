// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/settings_fix.hpp"

#include "common/preflight/names.hpp"
#include "common/preflight/scripts.hpp"

namespace ardent::preflight {

namespace {

constexpr const char* k_then_restart = "-- then restart the server\n";
constexpr const char* k_then_reload = "SELECT pg_catalog.pg_reload_conf();\n";

}  // namespace

std::string coming_value(const std::string& name) {
    return "coalesce((SELECT setting FROM pg_catalog.pg_file_settings WHERE name = '" + name +
           "'\n                  ORDER BY seqno DESC LIMIT 1), pg_catalog.current_setting('" +
           name + "'))";
}

SettingChange logical_wal_level() {
    return {"wal_level", "'logical'", coming_value("wal_level") + " <> 'logical'"};
}

SettingChange at_least(const std::string& name, long need) {
    const std::string number = std::to_string(need);
    return {name, number, coming_value(name) + "::int < " + number, Takes::restart, true};
}

std::string alter_system(const SettingChange& change) {
    return "SELECT " + quote_literal("ALTER SYSTEM SET " + change.name + " = " + change.literal) +
           "\n WHERE " + change.guard + " \\gexec\n";
}

std::string change_setting(const Server& server, const SettingChange& change) {
    return change_setting(find_provider(server.provider), change);
}

std::string change_setting(const Provider& provider, const SettingChange& change) {
    if (provider.managed) {
        return change_settings(provider, std::vector<SettingChange>{change});
    }
    return alter_system(change) + (change.takes == Takes::restart ? k_then_restart : k_then_reload);
}

std::string tls_version_fix(const std::string& provider) {
    return change_setting(find_provider(provider), {"ssl_min_protocol_version", "'TLSv1.2'",
                                                    coming_value("ssl_min_protocol_version") +
                                                        " NOT IN ('TLSv1.2', 'TLSv1.3')",
                                                    Takes::reload});
}

std::string change_settings(const Provider& provider, const std::vector<SettingChange>& changes) {
    std::string result;
    std::vector<std::string> lines;
    Takes takes = Takes::reload;
    for (const SettingChange& change : changes) {
        if (change.name == "wal_level" && provider.logical == nullptr) {
            result += explain_wal_level(provider);
            continue;
        }
        if (change.takes == Takes::restart) {
            takes = Takes::restart;
        }
        lines.push_back(change.name == "wal_level"
                            ? provider.logical
                            : change.name + " = " + change.literal +
                                  (change.or_more ? ", or what it is when that is more" : ""));
    }
    return lines.empty() ? result : result + change_settings(provider, lines, takes);
}

std::string run_the_fix(const Server& server, Takes takes) {
    if (find_provider(server.provider).managed) {
        return "Do what the fix says";
    }
    return takes == Takes::restart ? "Run the fix and restart the server" : "Run the fix";
}

std::string set_for_role(const Context& context, const std::string& name, const Setting& now,
                         const std::string& literal, const std::string& guard) {
    const bool here = now.place == "role here";
    const bool own = here || now.place == "role";
    const std::string database = here ? "(SELECT oid FROM pg_catalog.pg_database WHERE datname = "
                                        "pg_catalog.current_database())"
                                      : "0";
    return "SELECT " +
           quote_literal("ALTER ROLE " + context.server.quoted_role +
                         (here ? " IN DATABASE " + context.server.quoted_database : "") + " SET " +
                         name + " = " + literal) +
           "\n WHERE coalesce((SELECT e.entry FROM pg_catalog.pg_db_role_setting AS s\n"
           "                    JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole\n"
           "                   CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (entry)\n"
           "                   WHERE r.rolname = " +
           quote_literal(context.request.role) + " AND s.setdatabase = " + database +
           "\n                     AND pg_catalog.split_part(e.entry, '=', 1) = '" + name +
           "'), '') = " + quote_literal(own ? name + "=" + now.entry : "") +
           (own || guard.empty() ? "" : "\n   AND " + guard) + " \\gexec\n";
}

}  // namespace ardent::preflight
