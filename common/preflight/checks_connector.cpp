// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

namespace ardent::preflight {

namespace {

constexpr long k_counted_objects = 10000;

}  // namespace

const char* const k_observe_duplicates = R"(
SELECT pg_catalog.quote_ident(s.slot_name),
       CASE WHEN s.slot_name = $1::text THEN 'own'
            WHEN s.database = pg_catalog.current_database() THEN 'here'
            ELSE 'elsewhere'
       END,
       pg_catalog.quote_ident(s.database)
  FROM pg_catalog.pg_replication_slots AS s
 WHERE pg_catalog.starts_with(s.slot_name, 'ardent_') AND s.database IS NOT NULL
 ORDER BY 1
)";

const char* const k_observe_role = R"(
SELECT r.rolsuper, r.rolcanlogin, r.rolreplication,
       r.rolvaliduntil IS NOT NULL AND r.rolvaliduntil < pg_catalog.now(),
       EXISTS (SELECT
                 FROM pg_catalog.pg_roles AS m
                WHERE m.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER'))
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname = $1::text
)";

const char* const k_observe_large_objects = R"(
SELECT pg_catalog.count(*)
  FROM (SELECT FROM pg_catalog.pg_largeobject_metadata AS m LIMIT 10001) AS l
)";

Outcome judge_metadata_schema(const Context& context) {
    Outcome outcome;
    if (context.server.extension_version.empty()) {
        outcome.status = Status::info;
        outcome.shown = "not needed: no DDL capture";
        outcome.actual = "extension not installed";
        return outcome;
    }
    outcome.actual = "extension ardent " + context.server.extension_version;
    return outcome;
}

Outcome judge_duplicate(const Context& context) {
    Outcome outcome;
    bool ours = false;
    std::vector<std::string> elsewhere;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const std::string whose = context.text(i, 1);
        if (whose == "own") {
            ours = true;
        } else if (whose == "here") {
            outcome.objects.push_back(context.text(i, 0));
        } else {
            elsewhere.push_back(context.text(i, 0) + " (database " + context.text(i, 2) + ")");
        }
    }
    if (!outcome.objects.empty()) {
        outcome.status = Status::fail;
        list_capped(outcome.details, "This database is already connected by slot ",
                    outcome.objects);
        outcome.hint =
            "See ardent connector list; delete that connector first, or drop its slot when "
            "it is left over.";
        return outcome;
    }
    if (ours) {
        outcome.shown = "this connector";
        outcome.actual = context.request.own_slot;
        return outcome;
    }
    if (!elsewhere.empty()) {
        outcome.status = Status::info;
        list_capped(outcome.details, "Another database of this server is connected by slot ",
                    elsewhere);
    }
    return outcome;
}

Outcome judge_role(const Context& context) {
    const std::string& role = context.server.quoted_role;
    Outcome outcome;
    if (context.rows.empty()) {
        outcome.details = {"Role " + role + " does not exist."};
    } else {
        const bool superuser = context.flag(0, 0);
        outcome.actual = superuser ? "superuser" : "not a superuser";
        if (!context.flag(0, 1)) {
            outcome.details.push_back("Role " + role + " may not log in (LOGIN).");
        }
        if (!superuser && !context.flag(0, 2) && !context.flag(0, 4)) {
            outcome.details.push_back("Role " + role + " may not replicate (REPLICATION).");
        }
        if (context.flag(0, 3)) {
            outcome.details.push_back("The password of role " + role +
                                      " has expired (VALID UNTIL).");
        }
    }
    if (!outcome.details.empty()) {
        outcome.status = Status::fail;
        outcome.hint = "Run the grant script below, then re-run preflight.";
        if (!context.rows.empty()) {
            outcome.fix = "ALTER ROLE " + role + " WITH LOGIN REPLICATION" +
                          (context.flag(0, 3) ? " VALID UNTIL 'infinity'" : "") + ";";
        }
    }
    return outcome;
}

Outcome judge_large_objects(const Context& context) {
    const long count = context.number(0, 0);
    Outcome outcome;
    outcome.actual = count > k_counted_objects ? "more than 10000" : std::to_string(count);
    if (count == 0) {
        return outcome;
    }
    outcome.shown = outcome.actual;
    outcome.details = {"Large objects are not in the stream: replica and branches will lack them."};
    if (context.request.accept.large_objects) {
        outcome.status = Status::info;
        outcome.details.emplace_back("Accepted.");
        return outcome;
    }
    outcome.status = Status::fail;
    outcome.hint =
        "Say accept => '{\"large_objects\": true}' (from outside: --accept '{\"large_objects\": "
        "true}') when that is all right, or remove the large objects.";
    return outcome;
}

}  // namespace ardent::preflight
