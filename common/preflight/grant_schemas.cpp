// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/grant_parts.hpp"
#include "common/preflight/names.hpp"

#include <cstdlib>
#include <map>
#include <utility>

namespace ardent::preflight {

namespace {

// What pg_database_owner owns is the database owner's.
constexpr const char* k_schemas = R"(
SELECT s.name, pg_catalog.quote_ident(s.name), n.oid IS NOT NULL,
       s.name = 'information_schema' OR pg_catalog.starts_with(s.name, 'pg_'),
       pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION'),
       o.name, pg_catalog.quote_ident(o.name),
       pg_catalog.has_schema_privilege(0::pg_catalog.oid, n.oid, 'CREATE')
  FROM pg_catalog.unnest($1::text[]) AS s (name)
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $2::text
  LEFT JOIN LATERAL (SELECT pg_catalog.pg_get_userbyid(
                                CASE WHEN pg_catalog.pg_get_userbyid(n.nspowner) = 'pg_database_owner'
                                     THEN d.datdba ELSE n.nspowner END)
                       FROM pg_catalog.pg_database AS d
                      WHERE d.datname = pg_catalog.current_database()) AS o (name) ON true
 ORDER BY 2
)";

// A row for each schema, kind, and who may grant there: the caller (NULL), or else the owner.
// `others` are what the role cannot read and need not: ALL TABLES would open them. The role 0 is
// PUBLIC.
constexpr const char* k_relations = R"(
WITH relation AS (
    SELECT n.nspname, c.relname, c.relowner, c.relkind = 'S' AS is_sequence, x.excluded,
           c.relkind IN ('r', 'p', 'S') AND e.objid IS NULL AND NOT x.excluded AS needed, r.oid IS NULL AS is_new,
           coalesce(pg_catalog.has_table_privilege(coalesce(r.oid, 0::pg_catalog.oid), c.oid, 'SELECT'), true) AS readable,
           coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION'), true) AS grantable
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
      LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = $2::text
      LEFT JOIN pg_catalog.pg_depend AS e
             ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid
            AND e.objsubid = 0 AND e.deptype = 'e'
     CROSS JOIN LATERAL (SELECT c.relkind <> 'S'
                                AND ((n.nspname, c.relname)
                                         IN (SELECT * FROM ROWS FROM (pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[])))
                                     OR n.nspname || '.' || c.relname = ANY ($3::text[])
                                     OR pg_catalog.format('%I.%I', n.nspname, c.relname) = ANY ($3::text[]))
                        ) AS x (excluded)
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), counted AS (
    SELECT c.*, c.needed AND (c.is_new OR NOT c.readable) AS missing,
           CASE WHEN NOT c.grantable THEN pg_catalog.pg_get_userbyid(c.relowner) END AS grantor
      FROM relation AS c
)
SELECT c.nspname, c.is_sequence, c.grantor, pg_catalog.quote_ident(c.grantor),
       pg_catalog.count(*) FILTER (WHERE c.needed),
       pg_catalog.count(*) FILTER (WHERE c.missing),
       pg_catalog.count(*) FILTER (WHERE NOT c.needed AND NOT c.readable),
       pg_catalog.array_to_string((pg_catalog.array_agg(pg_catalog.format('%I.%I', c.nspname, c.relname)
                                                        ORDER BY c.relname)
                                       FILTER (WHERE c.missing))[1:10], ', '),
       pg_catalog.string_agg(pg_catalog.quote_literal(c.relname), ', ' ORDER BY c.relname)
           FILTER (WHERE c.excluded)
  FROM counted AS c
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3 NULLS FIRST
)";

// Who creates tables: the owner of the schema and of tables in it, and who holds CREATE there in
// another way than as PUBLIC or as a superuser. Missing is what no default grants, to the role or
// to somebody whose rights it has.
constexpr const char* k_defaults = R"(
WITH reader AS (
    SELECT r.oid, r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles AS p
                                         WHERE p.rolname = 'pg_read_all_data'
                                           AND pg_catalog.pg_has_role(r.oid, p.oid, 'USAGE')) AS reads_all
      FROM pg_catalog.pg_roles AS r
     WHERE r.rolname = $2::text
), selected AS (
    SELECT n.oid, n.nspname, coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) AS acl,
           CASE WHEN pg_catalog.pg_get_userbyid(n.nspowner) = 'pg_database_owner'
                THEN (SELECT d.datdba FROM pg_catalog.pg_database AS d
                       WHERE d.datname = pg_catalog.current_database())
                ELSE n.nspowner
           END AS owner
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
), creator AS (
    SELECT s.oid AS nsp, s.owner AS oid
      FROM selected AS s
    UNION
    SELECT c.relnamespace, c.relowner
      FROM selected AS s
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.oid
     WHERE c.relkind IN ('r', 'p', 'S')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e
                        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e')
    UNION
    SELECT s.oid, r.oid
      FROM selected AS s
     CROSS JOIN LATERAL pg_catalog.aclexplode(s.acl) AS a
      JOIN pg_catalog.pg_roles AS r ON NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, a.grantee, 'USAGE')
     WHERE a.privilege_type = 'CREATE' AND a.grantee <> 0
)
SELECT s.nspname, r.rolname, pg_catalog.quote_ident(r.rolname), pg_catalog.pg_has_role(r.oid, $3::text),
       k.word,
       NOT EXISTS (SELECT
                     FROM reader AS w
                    WHERE w.reads_all OR pg_catalog.pg_has_role(w.oid, r.oid, 'USAGE')
                       OR EXISTS (SELECT
                                    FROM pg_catalog.pg_default_acl AS d
                                   CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
                                   WHERE d.defaclrole = r.oid AND d.defaclnamespace IN (0, s.oid)
                                     AND d.defaclobjtype = k.letter AND a.privilege_type = 'SELECT'
                                     AND (a.grantee = 0 OR pg_catalog.pg_has_role(w.oid, a.grantee, 'USAGE'))))
  FROM selected AS s
  JOIN creator AS c ON c.nsp = s.oid
  JOIN pg_catalog.pg_roles AS r ON r.oid = c.oid
 CROSS JOIN (VALUES ('TABLES', 'r'::"char"), ('SEQUENCES', 'S'::"char")) AS k (word, letter)
 WHERE NOT pg_catalog.starts_with(r.rolname, 'pg_') AND r.rolname <> $2::text
 ORDER BY 1, 2, 5 DESC
)";

constexpr long k_named = 10;
constexpr const char* k_before = "  -- what it had there before, too";
constexpr int k_default_privileges_inherit = 16;

/// One kind of relations of one schema, and who may grant SELECT on those of the row.
struct Relations {
    std::string grantor;  // empty: the caller
    std::string quoted_grantor;
    long needed = 0;
    long missing = 0;
    long others = 0;
    std::string names;
    std::string excluded;
};

/// By the schema's name and whether it is about sequences.
using RelationMap = std::map<std::pair<std::string, bool>, std::vector<Relations>>;

RelationMap observe_relations(QueryRunner& runner, const std::string& schemas,
                              const Request& request) {
    std::vector<std::string> decided;
    for (const auto& [name, decision] : request.accept.decisions) {
        if (decision == Decision::exclude) {
            decided.push_back(name);
        }
    }
    std::vector<std::string> excluded_schemas;
    std::vector<std::string> excluded_names;
    for (const model::RelationName& relation : request.accept.excluded) {
        excluded_schemas.push_back(relation.schema);
        excluded_names.push_back(relation.name);
    }
    const auto number = [](const Cell& cell) {
        return std::strtol(cell.value_or("0").c_str(), nullptr, 10);
    };
    RelationMap result;
    for (const Row& row :
         runner.run(k_relations, {schemas, request.role, array_text(decided),
                                  array_text(excluded_schemas), array_text(excluded_names)})) {
        result[{row.at(0).value_or(""), row.at(1) == "t"}].push_back(
            {row.at(2).value_or(""), row.at(3).value_or(""), number(row.at(4)), number(row.at(5)),
             number(row.at(6)), row.at(7).value_or(""), row.at(8).value_or("")});
    }
    return result;
}

/// A statement that grants, when it runs, on what the role cannot read by then; nothing that it
/// need not read.
std::string grant_unreadable(const std::string& schema, bool sequences, const std::string& excluded,
                             const Server& server, const std::string& role) {
    return "SELECT 'GRANT SELECT ON " + std::string(sequences ? "SEQUENCE" : "TABLE") +
           " ' || pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', ')\n"
           "       || " +
           quote_literal(" TO " + server.quoted_role) +
           "\n  FROM pg_catalog.pg_class AS c\n"
           "  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace\n"
           " WHERE n.nspname = " +
           quote_literal(schema) + " AND c.relkind IN (" + (sequences ? "'S'" : "'r', 'p'") +
           ")\n" +
           (excluded.empty() || sequences ? "" : "   AND c.relname NOT IN (" + excluded + ")\n") +
           "   AND NOT pg_catalog.has_table_privilege(" + quote_literal(role) +
           ", c.oid, 'SELECT')\n"
           "   AND pg_catalog.has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION')\n"
           "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e\n"
           "                    WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND "
           "e.objid = c.oid\n"
           "                      AND e.objsubid = 0 AND e.deptype = 'e')\n"
           "HAVING pg_catalog.count(*) > 0 \\gexec\n";
}

class SchemaWriter {
public:
    SchemaWriter(const Server& server, const GrantFacts& facts, const Request& request)
        : m_server(server), m_facts(facts), m_request(request) {}

    void usage(const Row& schema) {
        enter(schema);
        if (schema.at(4) == "t" && !m_request.full_grants) {
            return;
        }
        add(schema.at(5) == "t"
                ? m_facts.caller
                : role_authority(schema.at(6).value_or(""), schema.at(7).value_or("")),
            "USAGE ON SCHEMA " + m_quoted);
    }

    void select(bool sequences, const RelationMap& all) {
        const auto found = all.find({m_name, sequences});
        const std::vector<Relations> relations =
            found == all.end() ? std::vector<Relations>(1) : found->second;
        const bool alone = relations.size() == 1 && relations.front().grantor.empty() &&
                           relations.front().others == 0;
        for (const Relations& some : relations) {
            select_some(sequences, some, alone);
        }
    }

    void defaults(const Row& row) {
        if (row.at(5) != "t" && !m_request.full_grants) {
            return;
        }
        const std::string quoted = row.at(2).value_or("");
        const std::string start =
            "ALTER DEFAULT PRIVILEGES FOR ROLE " + quoted + " IN SCHEMA " + m_quoted + " ";
        const std::string what = "SELECT ON " + row.at(4).value_or("");
        m_parts.push_back(
            {row.at(3) == "t" ? m_facts.caller : role_authority(row.at(1).value_or(""), quoted),
             m_heading,
             start + "GRANT " + what + " TO " + m_server.quoted_role + ";\n",
             {start + "REVOKE " + what + " FROM " + m_server.quoted_role + ";"}});
    }

    std::vector<Part> take() { return std::move(m_parts); }

private:
    void enter(const Row& schema) {
        m_name = schema.at(0).value_or("");
        m_quoted = schema.at(1).value_or("");
        m_heading = "schema " + m_quoted;
    }

    void add(const Authority& authority, const std::string& what, const char* note = "") {
        m_parts.push_back({authority,
                           m_heading,
                           "GRANT " + what + " TO " + m_server.quoted_role + ";\n",
                           {"REVOKE " + what + " FROM " + m_server.quoted_role + ";" + note}});
    }

    void select_some(bool sequences, const Relations& some, bool alone) {
        if (some.missing == 0 && !m_request.full_grants) {
            return;
        }
        const Authority authority = some.grantor.empty()
                                        ? m_facts.caller
                                        : role_authority(some.grantor, some.quoted_grantor);
        const std::string all = std::string("SELECT ON ALL ") +
                                (sequences ? "SEQUENCES" : "TABLES") + " IN SCHEMA " + m_quoted;
        const bool whole = some.missing == some.needed || m_request.full_grants;
        if (alone && (whole || some.missing > k_named)) {
            add(authority, all, whole ? "" : k_before);
        } else if (!m_request.full_grants && some.missing <= k_named) {
            add(authority,
                std::string("SELECT ON ") + (sequences ? "SEQUENCE " : "TABLE ") + some.names);
        } else {
            m_parts.push_back(
                {authority,
                 m_heading,
                 grant_unreadable(m_name, sequences, some.excluded, m_server, m_request.role),
                 {"REVOKE " + all + " FROM " + m_server.quoted_role + ";" + k_before}});
        }
    }

    const Server& m_server;
    const GrantFacts& m_facts;
    const Request& m_request;
    std::string m_name;
    std::string m_quoted;
    std::string m_heading;
    std::vector<Part> m_parts;
};

}  // namespace

SchemaParts schema_parts(QueryRunner& runner, const Server& server, const GrantFacts& facts,
                         const Request& request) {
    SchemaParts result;
    const Rows schemas = runner.run(k_schemas, {array_text(request.schemas), request.role});
    std::vector<std::string> names;
    for (const Row& row : schemas) {
        if (row.at(2) != "t") {
            result.missing.push_back(row.at(1).value_or(""));
        } else if (row.at(3) == "t") {
            result.system.push_back(row.at(1).value_or(""));
        } else {
            names.push_back(row.at(0).value_or(""));
            if (row.at(8) == "t") {
                result.open.push_back(row.at(1).value_or(""));
            }
        }
    }
    const std::string selected = array_text(names);
    const RelationMap relations = observe_relations(runner, selected, request);
    const Rows defaults = runner.run(
        k_defaults, {selected, request.role,
                     server.major() >= k_default_privileges_inherit ? "USAGE" : "MEMBER"});
    SchemaWriter writer(server, facts, request);
    for (const Row& schema : schemas) {
        if (schema.at(2) != "t" || schema.at(3) == "t") {
            continue;
        }
        writer.usage(schema);
        writer.select(false, relations);
        writer.select(true, relations);
        for (const Row& row : defaults) {
            if (row.at(0) == schema.at(0)) {
                writer.defaults(row);
            }
        }
    }
    result.parts = writer.take();
    return result;
}

}  // namespace ardent::preflight
