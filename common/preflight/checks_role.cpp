// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/provider.hpp"

#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr long k_soon_days = 30;

constexpr Observation k_password = {R"(
SELECT CASE WHEN a.rolpassword IS NULL THEN 'none'
            WHEN pg_catalog.starts_with(a.rolpassword, 'SCRAM-SHA-256$') THEN 'scram-sha-256'
            ELSE 'md5'
       END
  FROM pg_catalog.pg_authid AS a
 WHERE a.rolname = $1::text
)",
                                    Arguments::role, true};

struct Lacks {
    bool login = false;
    bool replication = false;
    bool valid = false;

    bool any() const noexcept { return login || replication || valid; }
};

/// A role that has them already is asked for them again only where a superuser runs it: others may
/// not.
std::string role_fix(const Context& context, const Lacks& lacks) {
    const Provider& provider = find_provider(context.server.provider);
    const std::string& role = context.server.quoted_role;
    const std::string valid = lacks.valid ? " VALID UNTIL 'infinity'" : "";
    if (!provider.managed) {
        return "ALTER ROLE " + role + " WITH LOGIN REPLICATION" + valid + ";";
    }
    std::string fix;
    if (lacks.login || lacks.valid) {
        fix = "ALTER ROLE " + role + " WITH" + (lacks.login ? " LOGIN" : "") + valid + ";\n";
    }
    return fix + (lacks.replication ? let_replicate(provider, role) : "");
}

Outcome judge_role(const Context& context) {
    const std::string& role = context.server.quoted_role;
    const Provider& provider = find_provider(context.server.provider);
    Lacks lacks;
    Outcome outcome;
    if (context.rows.empty()) {
        outcome.details = {"Role " + role + " does not exist."};
    } else {
        const bool superuser = context.flag(0, 0);
        outcome.actual = superuser ? "superuser" : "not a superuser";
        const bool member = provider.replicating == Replicating::membership && context.flag(0, 4);
        lacks = {!context.flag(0, 1), !superuser && !context.flag(0, 2) && !member,
                 context.flag(0, 3)};
        if (lacks.login) {
            outcome.details.push_back("Role " + role + " may not log in (LOGIN).");
        }
        if (lacks.replication) {
            outcome.details.push_back("Role " + role + " may not replicate (" +
                                      (provider.replicating == Replicating::membership
                                           ? std::string(k_replication_role)
                                           : "REPLICATION") +
                                      ").");
        }
        if (lacks.valid) {
            outcome.details.push_back("The password of role " + role +
                                      " has expired (VALID UNTIL).");
        }
    }
    if (!outcome.details.empty()) {
        outcome.status = Status::fail;
        outcome.hint = "Run the grant script below, then re-run preflight.";
    }
    if (lacks.any()) {
        outcome.fix = role_fix(context, lacks);
    }
    return outcome;
}

Outcome judge_superuser(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    if (context.flag(0, 0)) {
        return finding(
            Status::info, "superuser",
            "Role " + context.server.quoted_role + " is a superuser, which Ardent does not need.",
            "A role of its own with the rights of the grant script is enough.");
    }
    Outcome outcome;
    outcome.actual = "not a superuser";
    return outcome;
}

Outcome judge_expiry(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    Outcome outcome;
    outcome.actual = context.is_null(0, 5) ? "never" : "in " + context.text(0, 5) + " days";
    const bool expired = context.flag(0, 3);
    if (!expired && !context.is_null(0, 5) && context.number(0, 5) < k_soon_days) {
        return finding(Status::warn, outcome.actual,
                       "The password of role " + context.server.quoted_role + " expires " +
                           outcome.actual + "; then no new connection gets in.",
                       "Run the fix, or renew it in time.",
                       "ALTER ROLE " + context.server.quoted_role + " VALID UNTIL 'infinity';");
    }
    return outcome;
}

Outcome judge_password(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    Outcome outcome;
    outcome.actual = context.text(0, 0);
    if (outcome.actual == "md5") {
        return finding(
            Status::warn, "md5",
            "The password of role " + context.server.quoted_role +
                " is stored as md5, which PostgreSQL is about to give up.",
            "SET password_encryption = 'scram-sha-256'; and set it anew with \\password.");
    }
    return outcome;
}

Outcome judge_monitoring(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    std::string missing;
    if (!context.flag(0, 6)) {
        missing = "pg_read_all_stats";
    }
    if (!context.flag(0, 7)) {
        missing += (missing.empty() ? "" : ", ") + std::string("pg_read_all_settings");
    }
    Outcome outcome;
    outcome.actual = missing.empty() ? "has both" : "lacks " + missing;
    if (!missing.empty()) {
        outcome.status = Status::info;
        outcome.details = {
            "The agent cannot see who holds transactions open, or every setting: some "
            "of its checks stay unverified."};
        outcome.hint = "Run the fix if the agent may know that.";
        outcome.fix = "GRANT " + missing + " TO " + context.server.quoted_role + ";";
    }
    return outcome;
}

Outcome judge_publication(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    if (!context.flag(0, 0) && !context.flag(0, 8)) {
        return finding(Status::info, "no CREATE on the database",
                       "The role cannot create a publication. wal2json needs none.");
    }
    Outcome outcome;
    outcome.actual = "may create one";
    return outcome;
}

constexpr Section k_here = Section::role;

}  // namespace

const Observation k_role = {R"(
SELECT r.rolsuper, r.rolcanlogin, r.rolreplication,
       r.rolvaliduntil IS NOT NULL AND r.rolvaliduntil < pg_catalog.now(),
       EXISTS (SELECT
                 FROM pg_catalog.pg_roles AS m
                WHERE m.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')),
       CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
            THEN pg_catalog.floor(extract(epoch FROM r.rolvaliduntil - pg_catalog.now()) / 86400)::bigint
       END,
       pg_catalog.pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE'),
       pg_catalog.pg_has_role(r.oid, 'pg_read_all_settings', 'USAGE'),
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE'),
       EXISTS (SELECT
                 FROM pg_catalog.pg_roles AS m
                WHERE m.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin')
                  AND pg_catalog.pg_has_role(r.oid, m.oid, 'USAGE')),
       (SELECT pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::text, ', ' ORDER BY p.oid)
          FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
           AND p.proname = 'pg_logical_emit_message'
           AND NOT pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'))
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname = $1::text
)",
                            Arguments::role};

Checks role_checks() noexcept {
    static const std::array<Check, 6> k_checks = {{
        {"replication_role", k_here, "replication role", "LOGIN, REPLICATION, not expired", &k_role,
         judge_role},
        {"role_superuser", k_here, "role superuser", "not a superuser", &k_role, judge_superuser,
         false},
        {"password_expiry", k_here, "password expiry", "never, or in more than 30 days", &k_role,
         judge_expiry},
        {"password_form", k_here, "password form", "scram-sha-256", &k_password, judge_password,
         false},
        {"monitoring_rights", k_here, "monitoring rights",
         "pg_read_all_stats, pg_read_all_settings", &k_role, judge_monitoring, false},
        {"publication_rights", k_here, "publication rights", "not needed", &k_role,
         judge_publication, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
