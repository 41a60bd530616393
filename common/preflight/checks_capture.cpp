// SPDX-License-Identifier: PostgreSQL
#include "common/base/version.hpp"
#include "common/preflight/judging.hpp"
#include "common/preflight/names.hpp"

#include <array>

namespace ardent::preflight {

namespace {

Outcome judge_event_triggers(const Context& context) {
    Outcome outcome;
    if (context.rows.empty()) {
        return no_role(context);
    }
    if (!context.flag(0, 0) && !context.flag(0, 9)) {
        return finding(Status::info, "not the role itself",
                       "The role cannot create event triggers. Replication of rows needs none.");
    }
    outcome.actual = "may create them";
    return outcome;
}

Outcome judge_messages(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    Outcome outcome;
    outcome.actual = "may write them";
    const std::string closed = context.text(0, 10);
    if (!closed.empty()) {
        outcome = finding(
            Status::info, "closed",
            "The role may not write logical messages. Replication does not need them.",
            "Run the fix if the agent is to write marks into the stream.",
            "GRANT EXECUTE ON FUNCTION " + closed + " TO " + context.server.quoted_role + ";");
    }
    return outcome;
}

// One row: our event triggers, those that fire ALWAYS, the names of the others; event_triggers
// (17+); whether the role may use the server of the keys; its user mapping, and whether it holds a
// key: NULL for who may not see the options; version, role; who fires before ours.
constexpr Observation k_capture = {R"(
SELECT pg_catalog.count(t.oid),
       pg_catalog.count(*) FILTER (WHERE t.evtenabled = 'A'),
       pg_catalog.count(*) FILTER (WHERE t.evtenabled = 'D'),
       coalesce(pg_catalog.string_agg(pg_catalog.quote_ident(t.evtname), ', ' ORDER BY t.evtname)
                    FILTER (WHERE t.evtenabled <> 'A'), ''),
       coalesce(pg_catalog.current_setting('event_triggers', true), 'on'),
       (SELECT pg_catalog.has_server_privilege(r.oid, s.oid, 'USAGE')
          FROM pg_catalog.pg_foreign_server AS s, pg_catalog.pg_roles AS r
         WHERE s.srvname = 'ardent_ddl' AND r.rolname = $1::text),
       m.present, m.holds_key,
       (SELECT e.default_version FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'ardent'),
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1::text),
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(e.evtname), ', ' ORDER BY e.evtname)
          FROM pg_catalog.pg_event_trigger AS e
         WHERE e.evtenabled <> 'D' AND e.evtevent IN ('ddl_command_end', 'sql_drop')
           AND e.evtname < '!ardent')
  FROM (SELECT e.oid, e.evtname, e.evtenabled
          FROM pg_catalog.pg_event_trigger AS e
          JOIN pg_catalog.pg_proc AS p ON p.oid = e.evtfoid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = 'ardent') AS t
 CROSS JOIN (SELECT pg_catalog.count(*) > 0 AS present,
                    pg_catalog.bool_or(EXISTS (SELECT
                                                 FROM pg_catalog.unnest(u.umoptions) AS o (option)
                                                WHERE o.option LIKE 'current=%'))
                        FILTER (WHERE u.umoptions IS NOT NULL) AS holds_key
               FROM pg_catalog.pg_user_mappings AS u
              WHERE u.srvname = 'ardent_ddl' AND u.usename = $1::text) AS m
 GROUP BY m.present, m.holds_key
)",
                                   Arguments::role};

constexpr long k_triggers = 4;
constexpr const char* k_no_such_file = "58P01";

Outcome known(const char* actual) {
    Outcome outcome;
    outcome.actual = actual;
    outcome.shown = actual;
    return outcome;
}

std::string switch_on(const Context& context) {
    return "SELECT ardent_ddl_capture(true, " + quote_literal(context.request.role) + ");";
}

Outcome judge_capture(const Context& context) {
    if (context.server.extension_version.empty() || context.number(0, 2) == k_triggers) {
        return known("off");
    }
    if (context.number(0, 0) != k_triggers) {
        return finding(Status::fail, "damaged",
                       "Of the extension's four event triggers there are " + context.text(0, 0) +
                           ": DDL is missing in the stream.",
                       "DROP EXTENSION ardent and create it again; see docs/troubleshooting.md.");
    }
    if (context.number(0, 1) != k_triggers) {
        return finding(Status::fail, "half on",
                       "DDL capture is on, but these event triggers do not fire ALWAYS: " +
                           context.text(0, 3) + ". DDL is missing in the stream.",
                       "Run the fix; what was missed meanwhile needs a new copy.",
                       switch_on(context));
    }
    if (context.text(0, 4) != "on") {
        return finding(Status::fail, "event_triggers = " + context.text(0, 4),
                       "DDL capture is on, but event_triggers is off here: no trigger fires.",
                       "Set it on again where it was switched off: server, database, role.");
    }
    if (!context.text(0, 10).empty()) {
        return finding(
            Status::warn, "not the first",
            "These event triggers fire before those of DDL capture: " + context.text(0, 10) +
                ". What they do is in the stream before the statement that they fire "
                "for.",
            "Rename them (ALTER EVENT TRIGGER … RENAME TO): they fire in the order of "
            "their names.");
    }
    return known("on");
}

Outcome judge_library(const Context& context) {
    const auto& problem = context.inside.library;
    if (!problem) {
        return known(context.server.extension_version.empty() ? "not needed" : "loads");
    }
    if (problem->sqlstate() != k_no_such_file) {
        return finding(Status::unverified, "",
                       std::string("This could not be seen: ") + problem->what(), problem->hint());
    }
    return finding(Status::fail, "missing",
                   std::string("The extension's library cannot be loaded: ") + problem->what() +
                       ". While DDL capture is on, all DDL of this database fails.",
                   "Install the package again; until then: ALTER EVENT TRIGGER … DISABLE, see "
                   "docs/troubleshooting.md.");
}

Outcome judge_version(const Context& context) {
    const std::string& installed = context.server.extension_version;
    if (installed.empty()) {
        return known("not needed");
    }
    const std::string there = context.inside.is_inside ? base::version() : context.text(0, 8);
    if (there.empty()) {
        return finding(Status::unverified, installed,
                       "The server does not list the files of the extension.");
    }
    if (there != installed) {
        return finding(
            Status::warn, installed,
            "The extension in this database is " + installed + ", its library on the server is " +
                there + ".",
            "ALTER EXTENSION ardent UPDATE, or install the package of version " + installed + ".");
    }
    return known(installed.c_str());
}

Outcome judge_key(const Context& context) {
    if (context.server.extension_version.empty() || context.number(0, 1) == 0) {
        return known("not needed");
    }
    if (!context.flag(0, 9)) {
        return no_role(context);
    }
    const bool empty = !context.is_null(0, 7) && !context.flag(0, 7);
    if (!context.flag(0, 6) || !context.flag(0, 5) || empty) {
        return finding(Status::fail, "not readable",
                       "DDL capture is on, but role " + context.server.quoted_role +
                           " cannot read the key that its messages are signed with.",
                       "Run the fix as an administrator of the server.", switch_on(context));
    }
    return known("readable");
}

// One row a role that may log in and reaches the keys without being a superuser or the role itself:
// by a role that may read the catalog, its files, or be the role. Nothing where there are no keys.
// A key is of no use to a role that may not write messages: such a role is left out, unless it is
// as good as the server's operating system user, who may do everything.
// CREATEROLE gives itself any role up to 15.
constexpr Observation k_key_readers = {R"(
SELECT pg_catalog.quote_ident(r.rolname), coalesce(pg_catalog.quote_ident(v.rolname), 'CREATEROLE')
  FROM pg_catalog.pg_roles AS r
  LEFT JOIN LATERAL (
       SELECT d.rolname
         FROM pg_catalog.pg_roles AS d
        WHERE (d.rolsuper OR d.rolname = $1::text
               OR d.rolname IN ('pg_read_all_data', 'pg_read_server_files', 'pg_write_server_files',
                                'pg_execute_server_program')
               OR pg_catalog.has_table_privilege(d.oid, 'pg_catalog.pg_user_mapping', 'SELECT'))
          AND pg_catalog.pg_has_role(r.oid, d.oid, 'MEMBER')
        ORDER BY d.oid = r.oid, d.rolname = 'pg_read_all_data' DESC, d.rolname
        LIMIT 1) AS v ON true
 WHERE EXISTS (SELECT FROM pg_catalog.pg_user_mappings AS u WHERE u.srvname = 'ardent_ddl')
   AND r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> $1::text
   AND (v.rolname IN ('pg_write_server_files', 'pg_execute_server_program')
        OR v.rolname IS NOT NULL AND EXISTS (
            SELECT
              FROM pg_catalog.pg_roles AS w, pg_catalog.pg_proc AS p
             WHERE p.proname = 'pg_logical_emit_message'
               AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
               AND pg_catalog.has_function_privilege(w.oid, p.oid, 'EXECUTE')
               AND pg_catalog.pg_has_role(r.oid, w.oid, 'MEMBER'))
        OR r.rolcreaterole AND pg_catalog.current_setting('server_version_num')::int < 160000)
 ORDER BY 1
)",
                                       Arguments::role};

Outcome judge_key_readers(const Context& context) {
    if (context.rows.empty()) {
        return known("superusers and the role");
    }
    Outcome outcome;
    outcome.status = Status::warn;
    for (std::size_t row = 0; row < context.rows.size(); ++row) {
        const std::string by = context.text(row, 1);
        outcome.objects.push_back(context.text(row, 0) +
                                  (by == context.text(row, 0) ? "" : " (" + by + ")"));
    }
    outcome.actual = std::to_string(outcome.objects.size()) + " more";
    list_capped(outcome.details,
                "Can read the key that DDL messages are signed with: ", outcome.objects);
    outcome.hint =
        "Whoever has the key can have statements run in the replica, as the source's owners run "
        "them. Where that is too much, leave the writing of logical messages to the role "
        "(message_writers), or take these rights away and make another key: docs/ddl.md, "
        "\"Who can read the keys\".";
    return outcome;
}

Outcome judge_message_writers(const Context& context) {
    if (context.number(0, 0) == 0) {
        return known("not PUBLIC");
    }
    Outcome outcome;
    outcome.status = Status::info;
    outcome.actual = "everybody";
    outcome.details = {
        "Whoever may connect may write logical messages into the WAL, of any size. Those with "
        "other "
        "prefixes than Ardent's, which is secret, are left out at the source."};
    outcome.hint =
        "To close it, run the grant script (full => true) with -v ardent_close_messages=1, "
        "unless applications write logical messages of their own.";
    return outcome;
}

constexpr Section k_here = Section::capture;

}  // namespace

Checks capture_checks() noexcept {
    static const std::array<Check, 8> k_checks = {{
        {"event_trigger_rights", k_here, "event trigger rights", "not needed by the role", &k_role,
         judge_event_triggers, false},
        {"logical_messages", k_here, "logical messages", "EXECUTE", &k_role, judge_messages, false},
        {"ddl_capture", k_here, "ddl capture", "off, or all event triggers ALWAYS", &k_capture,
         judge_capture},
        {"ddl_capture_library", k_here, "ddl capture library", "loads", nullptr, judge_library},
        {"ddl_capture_version", k_here, "ddl capture version", "extension and library are one",
         &k_capture, judge_version},
        {"ddl_capture_key", k_here, "ddl capture key", "readable by the role", &k_capture,
         judge_key},
        {"key_readers", k_here, "key readers", "superusers and the role", &k_key_readers,
         judge_key_readers, false},
        {"message_writers", k_here, "message writers", "not PUBLIC", &k_message_writers,
         judge_message_writers, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
