// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/grant_parts.hpp"
#include "common/preflight/names.hpp"

#include <utility>

namespace ardent::preflight {

namespace {

constexpr int k_roles_pass_on = 16;  // CREATEROLE passes on what it has itself, REPLICATION too

constexpr const char* k_facts = R"(
SELECT c.rolname, pg_catalog.quote_ident(c.rolname), c.rolsuper,
       c.rolcreaterole AND c.rolreplication
       AND (r.oid IS NULL OR pg_catalog.pg_has_role(c.oid, r.oid, 'MEMBER WITH ADMIN OPTION')),
       r.rolcanlogin,
       r.rolreplication OR r.rolsuper
       OR EXISTS (SELECT FROM pg_catalog.pg_roles AS m
                   WHERE m.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')),
       coalesce(r.rolvaliduntil < pg_catalog.now(), false),
       pg_catalog.quote_literal(pg_catalog.to_char(r.rolvaliduntil, 'YYYY-MM-DD HH24:MI:SSOF')),
       pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT'),
       pg_catalog.has_database_privilege(d.oid, 'CONNECT WITH GRANT OPTION'),
       pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.datdba)),
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'ardent'),
       pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION'),
       pg_catalog.pg_get_userbyid(n.nspowner), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)),
       r.rolbypassrls
  FROM pg_catalog.pg_database AS d
  JOIN pg_catalog.pg_roles AS c ON c.rolname = current_user
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $1::text
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'ardent'
 WHERE d.datname = pg_catalog.current_database()
)";

std::string attributes(const Server& server, const std::string& role) {
    const std::string& quoted = server.quoted_role;
    const std::string literal = quote_literal(role);
    return "SELECT " + quote_literal("CREATE ROLE " + quoted + " WITH LOGIN REPLICATION") +
           "\n WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + literal +
           ") \\gexec\n"
           "SELECT " +
           quote_literal("ALTER ROLE " + quoted + " WITH LOGIN REPLICATION") +
           "\n WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + literal +
           "\n                 AND NOT (rolcanlogin AND (rolreplication OR rolsuper))) \\gexec\n"
           "SELECT " +
           quote_literal("ALTER ROLE " + quoted + " VALID UNTIL 'infinity'") +
           "\n WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + literal +
           "\n                 AND rolvaliduntil < pg_catalog.now()) \\gexec\n";
}

// The password reaches the server in a statement: it is kept off the terminal and out of the server's log, and where
// the log cannot be silenced it is not sent.
std::string password(const Server& server) {
    return R"(\if :{?ardent_password}
\set ardent_echo :ECHO
\set ECHO none
SELECT CASE WHEN rolsuper THEN pg_catalog.set_config('log_statement', 'none', true)
            || pg_catalog.set_config('log_min_duration_statement', '-1', true)
            || pg_catalog.set_config('log_min_error_statement', 'panic', true)
            || pg_catalog.set_config('pg_stat_statements.track_utility', 'off', true)
       END || pg_catalog.set_config('password_encryption', 'scram-sha-256', true) AS quiet,
       NOT rolsuper AND (pg_catalog.current_setting('log_statement') <> 'none'
                         OR pg_catalog.current_setting('log_min_duration_statement') <> '-1') AS logged
  FROM pg_catalog.pg_roles WHERE rolname = current_user \gset ardent_
\if :ardent_logged
\echo 'The password was NOT set: this server logs statements, and that is not yours to switch off. Use \\password.'
\else
ALTER ROLE )" +
           server.quoted_role +
           R"( PASSWORD :'ardent_password';
\endif
\set ECHO :ardent_echo
\endif
)";
}

}  // namespace

Authority superuser_authority() {
    return {"a superuser",
            "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)"};
}

Authority role_authority(const std::string& name, const std::string& quoted_name) {
    return {quoted_name, "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " +
                             quote_literal(name) + " AND pg_catalog.pg_has_role(oid, 'USAGE'))"};
}

GrantFacts observe_grant_facts(QueryRunner& runner, const Server& server, const Request& request) {
    const Rows rows = runner.run(k_facts, {request.role});
    const Row row = rows.empty() ? Row(18) : rows.front();
    const auto text = [&row](std::size_t column) { return row.at(column).value_or(""); };
    const auto flag = [&row](std::size_t column) { return row.at(column) == "t"; };
    return {.caller = role_authority(text(0), text(1)),
            .caller_superuser = flag(2),
            .caller_makes_roles = flag(2) || (flag(3) && server.major() >= k_roles_pass_on),
            .logs_in = flag(4),
            .replicates = flag(5),
            .expired = flag(6),
            .bypasses = flag(17),
            .valid_until = text(7),
            .connects = flag(8),
            .connect_grantable = flag(9),
            .database_owner = role_authority(text(10), text(11)),
            .extension_available = flag(12),
            .metadata_usage = flag(13),
            .metadata_grantable = flag(14),
            .metadata_owner = role_authority(text(15), text(16))};
}

Part role_part(const Server& server, const GrantFacts& facts, const Request& request) {
    Part part;
    part.authority = facts.caller_makes_roles ? facts.caller : superuser_authority();
    part.heading = "the role";
    const bool complete = server.role_exists && facts.logs_in && facts.replicates && !facts.expired;
    if (complete && !request.full_grants) {
        return part;
    }
    part.text = attributes(server, request.role);
    if (!server.role_exists || request.full_grants) {
        part.text += password(server);
    }
    const std::string alter = "ALTER ROLE " + server.quoted_role;
    if (!facts.logs_in) {
        part.undo.push_back(alter + " NOLOGIN;");
    }
    if (!facts.replicates) {
        part.undo.push_back(alter + " NOREPLICATION;");
    }
    if (facts.expired && !facts.valid_until.empty()) {
        part.undo.push_back(alter + " VALID UNTIL " + facts.valid_until + ";");
    }
    return part;
}

Part plugin_part(const Server& server, const PluginAllowance& allowance, const Request& request) {
    Part part;
    part.authority = superuser_authority();
    part.heading = "this role alone may use wal2json (other roles keep what they have)";
    const bool allowed = allowance.verdict == PluginAllowance::Verdict::allowed;
    if (!allowance.known || (allowed && !request.full_grants)) {
        return part;
    }
    part.text = allow_plugin(server, allowance, request.role);
    const bool own = allowance.set_for_role || allowance.set_for_role_here;
    std::string list;
    for (const std::string& name : allowance.libraries) {
        list += (list.empty() ? "" : ", ") + quote_literal(name);
    }
    part.undo.push_back(
        "ALTER ROLE " + server.quoted_role +
        (allowance.set_for_role_here ? " IN DATABASE " + server.quoted_database : "") +
        (own && !list.empty() ? " SET output_plugin_libraries = " + list
                              : " RESET output_plugin_libraries") +
        ";");
    return part;
}

std::vector<Part> database_parts(const Server& server, const GrantFacts& facts,
                                 const Request& request) {
    std::vector<Part> parts;
    const std::string& role = server.quoted_role;
    if (!facts.connects || request.full_grants) {
        const std::string what = "CONNECT ON DATABASE " + server.quoted_database;
        parts.push_back({facts.connect_grantable ? facts.caller : facts.database_owner,
                         "the database",
                         "GRANT " + what + " TO " + role + ";\n",
                         {"REVOKE " + what + " FROM " + role + ";"}});
    }
    const bool installed = !server.extension_version.empty();
    const std::string heading =
        "the extension, whose functions and views show what replication does";
    if (!installed && facts.extension_available) {
        parts.push_back({superuser_authority(),
                         heading,
                         "CREATE EXTENSION IF NOT EXISTS ardent;\n",
                         {"DROP EXTENSION ardent;"}});
    } else if (installed && request.full_grants) {
        parts.push_back(
            {superuser_authority(), heading, "CREATE EXTENSION IF NOT EXISTS ardent;\n", {}});
    }
    if (!(installed ? request.full_grants || !facts.metadata_usage : facts.extension_available)) {
        return parts;
    }
    parts.push_back({!installed                 ? superuser_authority()
                     : facts.metadata_grantable ? facts.caller
                                                : facts.metadata_owner,
                     heading,
                     "GRANT USAGE ON SCHEMA ardent TO " + role + ";\n",
                     {}});
    if (installed) {
        parts.back().undo = {"REVOKE USAGE ON SCHEMA ardent FROM " + role + ";"};
    }
    return parts;
}

}  // namespace ardent::preflight
