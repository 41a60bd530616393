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
       r.rolreplication OR r.rolsuper,
       coalesce(r.rolvaliduntil < pg_catalog.now(), false),
       pg_catalog.quote_literal(pg_catalog.to_char(r.rolvaliduntil, 'YYYY-MM-DD HH24:MI:SSOF')),
       pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT'),
       pg_catalog.has_database_privilege(d.oid, 'CONNECT WITH GRANT OPTION'),
       pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.datdba)),
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = 'ardent'),
       pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION'),
       r.rolbypassrls, c.rolcreaterole,
       EXISTS (SELECT FROM pg_catalog.pg_roles AS m
                WHERE m.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER'))
  FROM pg_catalog.pg_database AS d
  JOIN pg_catalog.pg_roles AS c ON c.rolname = current_user
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $1::text
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'ardent'
 WHERE d.datname = pg_catalog.current_database()
)";

/// Statements about the role that look, when they run, whether they are needed.
class RoleLines {
public:
    RoleLines(const Server& server, const std::string& role)
        : m_quoted(server.quoted_role), m_literal(quote_literal(role)) {}

    std::string create(const std::string& with) const {
        return "SELECT " + quote_literal("CREATE ROLE " + m_quoted + " WITH " + with) +
               "\n WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + m_literal +
               ") \\gexec\n";
    }

    std::string alter(const std::string& what, const std::string& condition) const {
        return only("ALTER ROLE " + m_quoted + " " + what, condition);
    }

    std::string join(const std::string& group) const {
        return only("GRANT " + group + " TO " + m_quoted,
                    "NOT pg_catalog.pg_has_role(oid, '" + group + "', 'MEMBER')");
    }

    std::string must_exist() const {
        return "SELECT " + quote_literal(m_quoted) + "::pg_catalog.regrole AS role;\n";
    }

private:
    std::string only(const std::string& statement, const std::string& condition) const {
        return "SELECT " + quote_literal(statement) +
               "\n WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + m_literal +
               "\n                 AND " + condition + ") \\gexec\n";
    }

    std::string m_quoted;
    std::string m_literal;
};

/// Whoever is no superuser may not even repeat an attribute that he could not give.
std::string managed_attributes(const Provider& provider, const RoleLines& lines) {
    std::string text = replication_advice(provider);
    switch (provider.replicating) {
    case Replicating::attribute:
        text += lines.create("LOGIN REPLICATION") +
                lines.alter("REPLICATION", "NOT (rolreplication OR rolsuper)");
        break;
    case Replicating::membership:
        text += lines.create("LOGIN") + lines.join(k_replication_role);
        break;
    case Replicating::elsewhere:
        text += lines.must_exist();
        break;
    }
    return text + lines.alter("WITH LOGIN", "NOT rolcanlogin");
}

std::string attributes(const Provider& provider, const Server& server, const std::string& role) {
    const RoleLines lines(server, role);
    return (provider.managed
                ? managed_attributes(provider, lines)
                : lines.create("LOGIN REPLICATION") +
                      lines.alter("WITH LOGIN REPLICATION",
                                  "NOT (rolcanlogin AND (rolreplication OR rolsuper))")) +
           lines.alter("VALID UNTIL 'infinity'", "rolvaliduntil < pg_catalog.now()");
}

// The password reaches the server in a statement: it is kept off the terminal and out of the
// server's log, and where the log cannot be silenced it is not sent. Whether a transaction is a
// sample is decided when it begins.
std::string password(const Server& server) {
    return R"(\if :{?ardent_password}
\set ardent_echo :ECHO
\set ECHO none
SELECT CASE WHEN rolsuper THEN pg_catalog.set_config('log_statement', 'none', true)
            || pg_catalog.set_config('log_min_duration_statement', '-1', true)
            || pg_catalog.set_config('log_min_duration_sample', '-1', true)
            || pg_catalog.set_config('log_min_error_statement', 'panic', true)
            || pg_catalog.set_config('pg_stat_statements.track_utility', 'off', true)
       END || pg_catalog.set_config('password_encryption', 'scram-sha-256', true) AS quiet,
       pg_catalog.current_setting('log_transaction_sample_rate')::float8 > 0
       OR NOT rolsuper AND (pg_catalog.current_setting('log_statement') <> 'none'
                            OR pg_catalog.current_setting('log_min_duration_sample') <> '-1'
                            OR pg_catalog.current_setting('log_min_duration_statement') <> '-1') AS logged
  FROM pg_catalog.pg_roles WHERE rolname = current_user \gset ardent_
\if :ardent_logged
\echo 'The password was NOT set: this server logs statements, and that cannot be switched off here. Use \\password.'
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

Authority administrator_authority(const Provider& provider) {
    return provider.superuser
               ? superuser_authority()
               : Authority{provider.admin,
                           "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user "
                           "AND (rolcreaterole OR rolsuper))"};
}

Authority role_authority(const std::string& name, const std::string& quoted_name) {
    return {quoted_name, "EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " +
                             quote_literal(name) + " AND pg_catalog.pg_has_role(oid, 'USAGE'))"};
}

GrantFacts observe_grant_facts(QueryRunner& runner, const Server& server, const Request& request) {
    const Rows rows = runner.run(k_facts, {request.role});
    const Row row = rows.empty() ? Row(18) : rows.front();
    const Provider& provider = find_provider(server.provider);
    const bool is_member = provider.replicating == Replicating::membership && row.at(17) == "t";
    const auto text = [&row](std::size_t column) { return row.at(column).value_or(""); };
    const auto flag = [&row](std::size_t column) { return row.at(column) == "t"; };
    return {.caller = role_authority(text(0), text(1)),
            .caller_superuser = flag(2),
            .caller_makes_roles =
                flag(2) ||
                (provider.superuser ? flag(3) && server.major() >= k_roles_pass_on : flag(16)),
            .logs_in = flag(4),
            .replicates = flag(5) || is_member,
            .expired = flag(6),
            .bypasses = flag(15),
            .valid_until = text(7),
            .connects = flag(8),
            .connect_grantable = flag(9),
            .database_owner = role_authority(text(10), text(11)),
            .extension_available = flag(12) && !provider.managed,
            .metadata_usage = flag(13),
            .metadata_grantable = flag(14)};
}

Part role_part(const Server& server, const GrantFacts& facts, const Request& request) {
    const Provider& provider = find_provider(server.provider);
    Part part;
    part.authority = facts.caller_makes_roles ? facts.caller : administrator_authority(provider);
    part.heading = "the role";
    const bool complete = server.role_exists && facts.logs_in && facts.replicates && !facts.expired;
    if (complete && !request.full_grants) {
        return part;
    }
    part.text = attributes(provider, server, request.role);
    if ((!server.role_exists && provider.replicating != Replicating::elsewhere) ||
        request.full_grants) {
        part.text += password(server);
    }
    const std::string alter = "ALTER ROLE " + server.quoted_role;
    if (!facts.logs_in) {
        part.undo.push_back(alter + " NOLOGIN;");
    }
    if (!facts.replicates && provider.replicating == Replicating::attribute) {
        part.undo.push_back(alter + " NOREPLICATION;");
    }
    if (!facts.replicates && provider.replicating == Replicating::membership) {
        part.undo.push_back(std::string("REVOKE ") + k_replication_role + " FROM " +
                            server.quoted_role + ";");
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
    // only a superuser may: elsewhere `wal2json` says where the provider has the setting
    if (!allowance.known || (allowed && !request.full_grants) ||
        !find_provider(server.provider).superuser) {
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
                         {k_drop_extension}});
    } else if (installed && request.full_grants) {
        parts.push_back(
            {superuser_authority(), heading, "CREATE EXTENSION IF NOT EXISTS ardent;\n", {}});
    }
    if (!(installed ? request.full_grants || !facts.metadata_usage : facts.extension_available)) {
        return parts;
    }
    parts.push_back({installed && facts.metadata_grantable ? facts.caller : superuser_authority(),
                     heading,
                     "GRANT USAGE ON SCHEMA ardent TO " + role + ";\n",
                     {}});
    if (installed) {
        parts.back().undo = {"REVOKE USAGE ON SCHEMA ardent FROM " + role + ";"};
    }
    return parts;
}

}  // namespace ardent::preflight
