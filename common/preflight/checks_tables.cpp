// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include "common/preflight/identity.hpp"

#include <set>
#include <string>
#include <utility>

namespace ardent::preflight {

// One row a problem: its kind, the object as SQL names it, the object's plain name.
const Observation k_readable = {R"(
WITH reader AS (
    SELECT r.oid, r.rolsuper OR r.rolbypassrls AS sees_all
      FROM pg_catalog.pg_roles AS r
     WHERE r.rolname = $2::text
), selected AS (
    SELECT s.name, n.oid, n.nspname
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
), relation AS (
    SELECT c.oid, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
           pg_catalog.format('%I.%I', s.nspname, c.relname) AS quoted,
           s.nspname || '.' || c.relname AS plain
      FROM selected AS s
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.oid
     WHERE c.relkind IN ('r', 'p', 'S')
       AND s.nspname <> 'information_schema' AND NOT pg_catalog.starts_with(s.nspname, 'pg_')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e
                        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e')
)
SELECT p.kind, p.quoted, p.plain
  FROM (SELECT 1, 'role', pg_catalog.quote_ident($2::text), ''
         WHERE NOT EXISTS (SELECT FROM reader)
        UNION ALL
        SELECT 2, 'schema', pg_catalog.quote_ident(s.name), ''
          FROM selected AS s
         WHERE s.oid IS NULL
        UNION ALL
        SELECT 3, 'system', pg_catalog.quote_ident(s.name), ''
          FROM selected AS s
         WHERE s.oid IS NOT NULL AND (s.name = 'information_schema' OR pg_catalog.starts_with(s.name, 'pg_'))
        UNION ALL
        SELECT 4, 'database', pg_catalog.quote_ident(pg_catalog.current_database()), ''
          FROM reader AS r
         WHERE NOT pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT')
        UNION ALL
        SELECT 5, 'usage', pg_catalog.quote_ident(s.name), ''
          FROM reader AS r
         CROSS JOIN selected AS s
         WHERE s.oid IS NOT NULL AND NOT pg_catalog.has_schema_privilege(r.oid, s.oid, 'USAGE')
        UNION ALL
        SELECT 6, 'table', c.quoted, c.plain
          FROM reader AS r
         CROSS JOIN relation AS c
         WHERE c.relkind <> 'S' AND NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
        UNION ALL
        SELECT 7, 'sequence', c.quoted, c.plain
          FROM reader AS r
         CROSS JOIN relation AS c
         WHERE CASE WHEN c.relkind = 'S'
                    THEN NOT pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT')
               END
        UNION ALL
        SELECT 8, 'policy', c.quoted, c.plain
          FROM reader AS r
         CROSS JOIN relation AS c
         WHERE c.relrowsecurity AND NOT r.sees_all
           AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
       ) AS p (place, kind, quoted, plain)
 ORDER BY p.place, p.quoted
)",
                                Arguments::schemas_and_role};

namespace {

std::string problem_line(const std::string& kind, const std::string& object) {
    if (kind == "role") {
        return "Role " + object + " does not exist.";
    }
    if (kind == "schema") {
        return "Schema " + object + " does not exist.";
    }
    if (kind == "system") {
        return "Schema " + object + " belongs to the server and cannot be replicated.";
    }
    if (kind == "database") {
        return "Missing CONNECT on database " + object;
    }
    if (kind == "usage") {
        return "Missing USAGE on schema " + object;
    }
    if (kind == "policy") {
        return "Row security hides rows of " + object;
    }
    return "Missing SELECT on " + object;
}

std::string readable_hint(const std::set<std::string>& kinds) {
    const bool grants = kinds.count("role") + kinds.count("database") + kinds.count("usage") +
                            kinds.count("table") + kinds.count("sequence") >
                        0;
    if (grants) {
        return "Run the grant script below, then re-run preflight.";
    }
    if (kinds.count("policy") > 0) {
        return "Run the row security block at the end of the grant script (read its note first), "
               "then "
               "re-run preflight.";
    }
    return "Name the schemas that exist, then re-run preflight.";
}

}  // namespace

Outcome judge_readable(const Context& context) {
    Outcome outcome;
    std::set<std::string> kinds;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const std::string kind = context.text(i, 0);
        const std::string object = context.text(i, 1);
        if (context.request.accept.excludes(context.text(i, 2), object)) {
            continue;
        }
        kinds.insert(kind);
        lines.push_back(problem_line(kind, object));
        outcome.objects.push_back(object);
    }
    if (lines.empty()) {
        return outcome;
    }
    outcome.status = Status::fail;
    list_capped(outcome.details, "", lines);
    outcome.hint = readable_hint(kinds);
    return outcome;
}

Outcome judge_identity(const Context& context) {
    Outcome outcome;
    std::vector<std::string> lines;
    std::size_t excluded = 0;
    std::string asked;
    for (const TableIdentity& table : read_identities(context.rows)) {
        if (table.identified()) {
            continue;
        }
        if (context.request.accept.excludes(table.plain_name, table.quoted_name)) {
            ++excluded;
            continue;
        }
        outcome.objects.push_back(table.quoted_name);
        lines.push_back(table.quoted_name + ": " + why_unidentified(table));
        asked += asked_statement(context.request.accept, table);
    }
    if (!lines.empty()) {
        outcome.status = Status::fail;
        outcome.fix = asked.empty() ? "" : "SET lock_timeout = '5s';\n" + asked;
        list_capped(outcome.details, "", lines);
        outcome.hint =
            std::string("Decide for each table (add_pk, replica_identity_full or exclude): ") +
            (context.inside.is_inside
                 ? "SELECT ardent_replica_identity_script('{\"schema.table\": \"add_pk\"}')"
                 : "ardent connector preflight --replica-identity-decisions FILE, with "
                   "{\"schema.table\": \"add_pk\"} in the file,") +
            " prints the statements.";
        return outcome;
    }
    if (excluded > 0) {
        outcome.status = Status::info;
        outcome.shown = std::to_string(excluded) + " excluded";
        outcome.actual = outcome.shown;
        outcome.details = {
            "Tables without identity that were accepted as excluded are not replicated."};
    }
    return outcome;
}

}  // namespace ardent::preflight
