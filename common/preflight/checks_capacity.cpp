// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/settings_fix.hpp"

#include <algorithm>
#include <array>

namespace ardent::preflight {

namespace {

// docs/agent.md: four ordinary connections during the copy, two or three afterwards, and a
// walsender, which has a place of its own in the server but counts for the role and the database.
constexpr long k_sessions = 4;
constexpr long k_walsender = 1;
constexpr long k_short_timeout = 60000;

constexpr Observation k_connections = {R"(
SELECT pg_catalog.current_setting('max_connections')::int
       - pg_catalog.current_setting('superuser_reserved_connections')::int
       - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0),
       pg_catalog.count(*) FILTER (WHERE coalesce(a.backend_type, 'client backend') = 'client backend'),
       pg_catalog.count(*) FILTER (WHERE a.usename = $1::text
                                     AND coalesce(a.backend_type, 'client backend') = 'client backend'),
       pg_catalog.count(*) FILTER (WHERE a.usename = $1::text),
       (SELECT r.rolconnlimit FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1::text),
       pg_catalog.count(*) FILTER (WHERE a.datname = pg_catalog.current_database()),
       (SELECT d.datconnlimit FROM pg_catalog.pg_database AS d
         WHERE d.datname = pg_catalog.current_database()),
       pg_catalog.count(*) FILTER (WHERE a.usename = $1::text
                                     AND a.datname = pg_catalog.current_database()),
       pg_catalog.current_setting('max_connections')
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.usesysid IS NOT NULL AND a.datid IS NOT NULL
)",
                                       Arguments::role};

std::string of(long used, long most) {
    return std::to_string(used) + " of " + std::to_string(most) + " used";
}

std::string limit_fix(const std::string& what, const std::string& name, const std::string& column,
                      const std::string& from, long need) {
    const std::string number = std::to_string(need);
    return "SELECT pg_catalog.format('ALTER " + what + " %I CONNECTION LIMIT " + number + "', " +
           name + ")\n  FROM pg_catalog." + from + "\n   AND " + column + " BETWEEN 0 AND " +
           std::to_string(need - 1) + " \\gexec\n";
}

Outcome judge_connections(const Context& context) {
    const long most = context.number(0, 0);
    const long used = context.number(0, 1);
    const long need = std::max(0L, k_sessions - context.number(0, 2));
    Outcome outcome;
    outcome.actual = of(used, most);
    if (most - used < need) {
        outcome = finding(
            Status::fail, outcome.actual,
            "The agent needs " + std::to_string(need) + " more connections.",
            run_the_fix(context.server, Takes::restart) +
                ", after raising it on standbys, or close idle connections.",
            change_setting(context.server, at_least("max_connections",
                                                    context.number(0, 8) + need - (most - used))));
    }
    outcome.shown = outcome.actual;
    return outcome;
}

Outcome judge_role_limit(const Context& context) {
    const long limit = context.is_null(0, 4) ? -1 : context.number(0, 4);
    Outcome outcome;
    outcome.actual = limit < 0 ? "no limit" : std::to_string(limit);
    if (limit >= 0 && limit < k_sessions + k_walsender) {
        const std::string& role = context.server.quoted_role;
        return finding(
            Status::fail, outcome.actual,
            "Role " + role + " may have " + outcome.actual +
                " connections at once; the agent needs " +
                std::to_string(k_sessions + k_walsender) + ".",
            "Run the fix.",
            limit_fix("ROLE", "rolname", "rolconnlimit",
                      "pg_roles WHERE pg_catalog.quote_ident(rolname) = " + quote_literal(role),
                      k_sessions + k_walsender));
    }
    return outcome;
}

Outcome judge_database_limit(const Context& context) {
    const long limit = context.is_null(0, 6) ? -1 : context.number(0, 6);
    const long used = context.number(0, 5);
    const long need = std::max(0L, k_sessions + k_walsender - context.number(0, 7));
    Outcome outcome;
    outcome.actual = limit < 0 ? "no limit" : of(used, limit);
    if (limit >= 0 && limit - used < need) {
        return finding(
            Status::fail, outcome.actual,
            "Database " + context.server.quoted_database + " allows " + std::to_string(limit) +
                " connections; the agent needs " + std::to_string(need) + " more.",
            "Run the fix, or close idle connections.",
            limit_fix("DATABASE", "datname", "datconnlimit",
                      "pg_database WHERE datname = pg_catalog.current_database()", used + need));
    }
    return outcome;
}

Outcome judge_senders_for_slots(const Context& context) {
    const std::optional<Setting> slots = find_setting(context, "max_replication_slots");
    const std::optional<Setting> senders = find_setting(context, "max_wal_senders");
    const long most_slots = slots ? slots->number() : 0;
    const long most_senders = senders ? senders->number() : 0;
    Outcome outcome;
    outcome.actual =
        std::to_string(most_senders) + " senders, " + std::to_string(most_slots) + " slots";
    if (most_senders < most_slots) {
        return finding(
            Status::warn, outcome.actual,
            "There are fewer WAL senders than slots: after a restart not every consumer "
            "can come back.",
            run_the_fix(context.server, Takes::restart) + "; raise it on standbys first.",
            change_setting(context.server, at_least("max_wal_senders", most_slots)));
    }
    return outcome;
}

Outcome judge_sender_timeout(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "wal_sender_timeout");
    if (!setting || setting->hidden) {
        return hidden_setting("wal_sender_timeout");
    }
    const long timeout = setting->number();
    Outcome outcome;
    outcome.actual = timeout == 0 ? "off" : show_time(timeout);
    if (timeout < k_short_timeout) {
        return finding(
            Status::warn, outcome.actual,
            timeout == 0 ? "The server never notices that the agent's connection is dead, and "
                           "keeps the slot "
                           "busy for it."
                         : "The server may cut a connection that waits through a long decode.",
            "Run the fix: it sets 60 s for this role alone.",
            set_for_role(context, "wal_sender_timeout", *setting, "'60s'",
                         "(SELECT reset_val::int FROM pg_catalog.pg_settings WHERE name = "
                         "'wal_sender_timeout') < 60000"));
    }
    return outcome;
}

constexpr Section k_here = Section::capacity;

}  // namespace

Checks capacity_checks() noexcept {
    static const std::array<Check, 5> k_checks = {{
        {"free_connections", k_here, "free connections", "4 for the agent", &k_connections,
         judge_connections},
        {"role_connection_limit", k_here, "role connection limit", "none, or at least 5",
         &k_connections, judge_role_limit},
        {"database_connection_limit", k_here, "database connection limit", "none, or 5 free",
         &k_connections, judge_database_limit},
        {"senders_for_slots", k_here, "senders for slots", "as many senders as slots", &k_settings,
         judge_senders_for_slots},
        {"wal_sender_timeout", k_here, "wal sender timeout", "60 s or more", &k_settings,
         judge_sender_timeout},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
