// SPDX-License-Identifier: PostgreSQL
#include "agent/copy/inventory.hpp"

#include "common/pq/array_text.hpp"
#include "common/pq/table_catalog.hpp"
#include "common/preflight/outside_objects.hpp"
#include "common/protocol/json_fields.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ardent::agent {

namespace {

// Dependents whose schema is unknown (defaults, languages, …) count as ours: one extension too many
// does no harm.
constexpr const char* k_extensions = R"sql(
WITH RECURSIVE chosen (oid) AS (
    SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = ANY ($1::pg_catalog.text[])
), members (classid, objid, extension) AS (
    SELECT d.classid, d.objid, d.refobjid
      FROM pg_catalog.pg_depend AS d
     WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
), used (oid) AS (
    SELECT e.oid FROM pg_catalog.pg_extension AS e WHERE e.extnamespace IN (SELECT oid FROM chosen)
    UNION
    SELECT m.extension
      FROM members AS m
      JOIN pg_catalog.pg_depend AS d ON d.refclassid = m.classid AND d.refobjid = m.objid
     CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS i
     WHERE d.deptype IN ('n', 'a', 'i')
       AND NOT EXISTS (SELECT FROM members AS o WHERE o.classid = d.classid AND o.objid = d.objid)
       AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
       AND (i.schema IS NULL OR i.schema = ANY ($1::pg_catalog.text[]))
), needed (oid, depth) AS (
    SELECT u.oid, 0 FROM used AS u
    UNION
    SELECT d.refobjid, n.depth + 1
      FROM needed AS n
      JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.objid = n.oid
       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     WHERE n.depth < 20
)
SELECT e.extname, e.extversion, s.nspname
  FROM (SELECT oid, pg_catalog.max(depth) AS depth FROM needed GROUP BY oid) AS n
  JOIN pg_catalog.pg_extension AS e ON e.oid = n.oid
  JOIN pg_catalog.pg_namespace AS s ON s.oid = e.extnamespace
 WHERE e.extname NOT IN ('plpgsql', 'ardent')
 ORDER BY n.depth DESC, e.extname
)sql";

// Sequences of a column follow its table; row types and array types follow what they belong to.
constexpr const char* k_owned = R"sql(
WITH chosen (oid, nspowner) AS (
    SELECT n.oid, n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = ANY ($1::pg_catalog.text[])
), owned (classid, objid, owner) AS (
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, n.nspowner FROM chosen AS n
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner
      FROM pg_catalog.pg_class AS c
     WHERE c.relnamespace IN (SELECT oid FROM chosen) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND c.relkind = 'S' AND d.deptype IN ('a', 'i')
                          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner
      FROM pg_catalog.pg_type AS t
      LEFT JOIN pg_catalog.pg_class AS r ON r.oid = t.typrelid
     WHERE t.typnamespace IN (SELECT oid FROM chosen) AND t.typtype IN ('b', 'c', 'd', 'e', 'r')
       AND (t.typrelid = 0 OR r.relkind = 'c')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)
)sql";

constexpr const char* k_ours = R"sql(
), ours AS (
    SELECT o.classid, o.objid, o.owner
      FROM owned AS o
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e')
)
)sql";

constexpr const char* k_owners = R"sql(
SELECT a.type, pg_catalog.to_json(a.object_names), pg_catalog.to_json(a.object_args),
       pg_catalog.pg_get_userbyid(o.owner)
  FROM ours AS o
 CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(o.classid, o.objid, 0) AS a
 WHERE NOT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]),
                                          pg_catalog.unnest($3::pg_catalog.text[])) AS x (schema, name)
                    WHERE a.type = 'table' AND a.object_names = ARRAY[x.schema, x.name])
 ORDER BY o.classid, o.objid
)sql";

// pg_shdepend knows grantees and the roles of policies, but not the bootstrap superuser.
constexpr const char* k_roles = R"sql(
, shared (refobjid) AS (
    SELECT s.refobjid
      FROM pg_catalog.pg_shdepend AS s
     CROSS JOIN LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, s.objsubid) AS i
     WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d
                      WHERE d.datname = pg_catalog.current_database())
       AND s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       AND s.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass
       AND (i.schema = ANY ($1::pg_catalog.text[])
            OR (s.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                AND s.objid IN (SELECT oid FROM chosen))
            OR (s.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
                AND EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                              JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
                             WHERE p.oid = s.objid AND c.relnamespace IN (SELECT oid FROM chosen))))
    UNION
    SELECT a.role
      FROM pg_catalog.pg_default_acl AS d
     CROSS JOIN LATERAL (SELECT d.defaclrole
                         UNION
                         SELECT x.grantee FROM pg_catalog.aclexplode(d.defaclacl) AS x) AS a (role)
     WHERE d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT oid FROM chosen)
    UNION
    SELECT o.owner FROM ours AS o
)
SELECT DISTINCT r.rolname
  FROM shared AS s
  JOIN pg_catalog.pg_roles AS r ON r.oid = s.refobjid
 WHERE r.rolname NOT LIKE 'pg\_%'
 ORDER BY r.rolname
)sql";

constexpr const char* k_relations_not_carried = R"sql(
SELECT CASE WHEN e.objid IS NOT NULL THEN 'extension table'
            WHEN c.relkind = 'S' THEN 'sequence'
            WHEN c.relkind = 'f' THEN 'foreign table'
            WHEN c.relkind = 'm' THEN 'materialized view'
            ELSE 'unlogged' END,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_depend AS e
         ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid
        AND e.objsubid = 0 AND e.deptype = 'e'
 WHERE n.nspname = ANY ($1::pg_catalog.text[])
   AND CASE WHEN e.objid IS NOT NULL THEN c.relkind IN ('r', 'p')
            WHEN c.relkind = 'S' THEN NOT (pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                                           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
            ELSE c.relkind IN ('f', 'm') OR (c.relkind = 'r' AND c.relpersistence = 'u') END
 ORDER BY 1, 2
)sql";

// A null in a NOT NULL column is noticed when it arrives; in the others it cannot be told from NaN.
constexpr const char* k_not_exact = R"sql(
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || '.' ||
       pg_catalog.quote_ident(a.attname)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = ANY ($1::pg_catalog.text[]) AND c.relkind = 'r' AND c.relpersistence = 'p'
   AND a.atttypid IN ('pg_catalog.float4'::pg_catalog.regtype, 'pg_catalog.float8'::pg_catalog.regtype,
                      'pg_catalog.numeric'::pg_catalog.regtype)
   AND NOT a.attnotnull
 ORDER BY 1
)sql";

// Before 15 what a generated column calls is a dependency of the column and not of its expression.
constexpr const char* k_outside_functions = R"sql(
WITH expressions (classid, objid, relation) AS (
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, a.adrelid FROM pg_catalog.pg_attrdef AS a
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, k.conrelid
      FROM pg_catalog.pg_constraint AS k
     WHERE k.contype = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.oid
      FROM pg_catalog.pg_class AS c
     WHERE c.relkind IN ('r', 'p')
)
SELECT n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       pg_catalog.pg_get_function_result(p.oid), p.provolatile,
       pg_catalog.to_json(pg_catalog.array_agg(DISTINCT pg_catalog.format('%I.%I', cn.nspname, c.relname)))
  FROM expressions AS e
  JOIN pg_catalog.pg_class AS c ON c.oid = e.relation
  JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_depend AS d
    ON d.classid = e.classid AND d.objid = e.objid
   AND (d.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass OR d.objsubid > 0)
   AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  JOIN pg_catalog.pg_proc AS p ON p.oid = d.refobjid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE cn.nspname = ANY ($1::pg_catalog.text[]) AND n.nspname <> ALL ($1::pg_catalog.text[])
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.prokind = 'f'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS o
                    WHERE o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND o.objid = p.oid
                      AND o.deptype = 'e')
 GROUP BY n.nspname, p.oid, p.proname, p.provolatile
 ORDER BY n.nspname, p.proname, 3
)sql";

constexpr const char* k_casts = R"sql(
SELECT c.oid,
       pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL),
       CASE WHEN c.castfunc = 0 THEN ''
            ELSE c.castfunc::pg_catalog.regprocedure::pg_catalog.text END,
       c.castmethod, c.castcontext
  FROM pg_catalog.pg_cast AS c
 WHERE EXISTS (SELECT FROM pg_catalog.pg_type AS t
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
                WHERE t.oid IN (c.castsource, c.casttarget)
                  AND n.nspname = ANY ($1::pg_catalog.text[]))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid
                      AND d.deptype IN ('e', 'i'))
 ORDER BY c.oid
)sql";

constexpr const char* k_default_privileges = R"sql(
SELECT pg_catalog.pg_get_userbyid(d.defaclrole), d.defaclobjtype,
       pg_catalog.json_agg(pg_catalog.json_build_array(
           CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END,
           a.privilege_type, a.is_grantable))
           FILTER (WHERE a.privilege_type IS NOT NULL)
  FROM pg_catalog.pg_default_acl AS d
  LEFT JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a ON true
 WHERE d.defaclnamespace = 0
 GROUP BY d.oid, d.defaclrole, d.defaclobjtype
 ORDER BY 1, 2
)sql";

constexpr const char* k_enums = R"sql(
SELECT n.nspname, t.typname, t.oid,
       pg_catalog.json_agg(e.oid::pg_catalog.int8 ORDER BY e.enumsortorder)
  FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
  JOIN pg_catalog.pg_enum AS e ON e.enumtypid = t.oid
 WHERE n.nspname = ANY ($1::pg_catalog.text[])
    OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
                  AND d.deptype = 'e')
 GROUP BY n.nspname, t.typname, t.oid
 ORDER BY t.oid
)sql";

// Catalogs whose objects have nothing but a schema and an owner, and what their columns begin with.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> k_plain_catalogs = {
    {{"pg_proc", "pro"},
     {"pg_operator", "opr"},
     {"pg_opclass", "opc"},
     {"pg_opfamily", "opf"},
     {"pg_collation", "coll"},
     {"pg_conversion", "con"},
     {"pg_ts_dict", "dict"},
     {"pg_ts_config", "cfg"},
     {"pg_statistic_ext", "stx"}}};

/// The common table expressions that end with `ours`.
std::string owned_objects() {
    std::string sql = k_owned;
    for (const auto& [catalog, prefix] : k_plain_catalogs) {
        const std::string table = "pg_catalog." + std::string(catalog);
        const std::string column = "o." + std::string(prefix);
        sql += " UNION ALL SELECT '" + table + "'::pg_catalog.regclass, o.oid, " + column +
               "owner FROM " + table + " AS o WHERE " + column +
               "namespace IN (SELECT oid FROM chosen)";
    }
    return sql + k_ours;
}

std::vector<std::string> texts_of(std::string_view json_text) {
    return protocol::parse_json("a list of names", json_text).get<std::vector<std::string>>();
}

std::vector<std::string> first_column(const pq::Result& result) {
    std::vector<std::string> values;
    values.reserve(static_cast<std::size_t>(result.rows()));
    for (int row = 0; row < result.rows(); ++row) {
        values.emplace_back(result.text(row, 0));
    }
    return values;
}

}  // namespace

std::vector<protocol::ExtensionNeed> read_extensions(pq::Connection& connection,
                                                     const std::vector<std::string>& schemas) {
    const pq::Result result = connection.exec(k_extensions, {pq::array_text(schemas)});
    std::vector<protocol::ExtensionNeed> extensions;
    for (int row = 0; row < result.rows(); ++row) {
        extensions.push_back({std::string(result.text(row, 0)), std::string(result.text(row, 1)),
                              std::string(result.text(row, 2))});
    }
    return extensions;
}

std::vector<protocol::ObjectOwner> read_owners(pq::Connection& connection,
                                               const std::vector<std::string>& schemas,
                                               const std::vector<model::RelationName>& excluded) {
    const pq::NameArrays names = pq::name_arrays(excluded);
    const pq::Result result = connection.exec(
        owned_objects() + k_owners, {pq::array_text(schemas), names.schemas, names.names});
    std::vector<protocol::ObjectOwner> owners;
    for (int row = 0; row < result.rows(); ++row) {
        owners.push_back({std::string(result.text(row, 0)), texts_of(result.text(row, 1)),
                          texts_of(result.text(row, 2)), std::string(result.text(row, 3))});
    }
    return owners;
}

std::vector<std::string> read_roles(pq::Connection& connection,
                                    const std::vector<std::string>& schemas) {
    return first_column(connection.exec(owned_objects() + k_roles, {pq::array_text(schemas)}));
}

protocol::NotCarried read_not_carried(pq::Connection& connection,
                                      const std::vector<std::string>& schemas, bool exact_numbers) {
    protocol::NotCarried left;
    const pq::Result relations =
        connection.exec(k_relations_not_carried, {pq::array_text(schemas)});
    for (int row = 0; row < relations.rows(); ++row) {
        const std::string_view kind = relations.text(row, 0);
        std::vector<std::string>& list = kind == "sequence"          ? left.sequences
                                         : kind == "foreign table"   ? left.foreign_tables
                                         : kind == "unlogged"        ? left.unlogged
                                         : kind == "extension table" ? left.extension_tables
                                                                     : left.materialized_views;
        list.emplace_back(relations.text(row, 1));
    }
    const pq::Value objects =
        connection.value("SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata");
    left.large_objects = std::stoull(objects.value_or("0"));
    if (!exact_numbers) {
        left.not_exact = first_column(connection.exec(k_not_exact, {pq::array_text(schemas)}));
    }
    return left;
}

std::vector<protocol::OutsideFunction> read_outside_functions(
    pq::Connection& connection, const std::vector<std::string>& schemas) {
    const pq::Result result = connection.exec(k_outside_functions, {pq::array_text(schemas)});
    std::vector<protocol::OutsideFunction> functions;
    for (int row = 0; row < result.rows(); ++row) {
        functions.push_back({std::string(result.text(row, 0)), std::string(result.text(row, 1)),
                             std::string(result.text(row, 2)), std::string(result.text(row, 3)),
                             result.text(row, 4)[0], texts_of(result.text(row, 5))});
    }
    return functions;
}

std::vector<protocol::OutsideObject> read_outside_objects(
    pq::Connection& connection, const std::vector<std::string>& schemas,
    const std::vector<model::RelationName>& excluded) {
    std::vector<std::string> names;
    for (const model::RelationName& relation : excluded) {
        names.push_back(relation.schema + "." + relation.name);
    }
    const pq::Result result = connection.exec(preflight::k_outside_objects,
                                              {pq::array_text(schemas), pq::array_text(names)});
    std::vector<protocol::OutsideObject> objects;
    for (int row = 0; row < result.rows(); ++row) {
        if (result.text(row, 7) == "t") {
            continue;
        }
        objects.push_back({result.number<std::uint32_t>(row, 0),
                           result.number<std::uint32_t>(row, 1),
                           {std::string(result.text(row, 2)), std::string(result.text(row, 5)),
                            std::string(result.text(row, 6))},
                           texts_of(result.text(row, 3)),
                           texts_of(result.text(row, 4))});
    }
    return objects;
}

std::vector<protocol::Cast> read_casts(pq::Connection& connection,
                                       const std::vector<std::string>& schemas,
                                       const std::vector<protocol::OutsideObject>& outside) {
    const pq::Result result = connection.exec(k_casts, {pq::array_text(schemas)});
    std::vector<protocol::Cast> casts;
    for (int row = 0; row < result.rows(); ++row) {
        const auto oid = result.number<std::uint32_t>(row, 0);
        const bool left_out =
            std::any_of(outside.begin(), outside.end(), [&](const protocol::OutsideObject& one) {
                return one.named.type == "cast" && one.oid == oid;
            });
        if (!left_out) {
            casts.push_back({std::string(result.text(row, 1)), std::string(result.text(row, 2)),
                             std::string(result.text(row, 3)), result.text(row, 4)[0],
                             result.text(row, 5)[0]});
        }
    }
    return casts;
}

std::vector<protocol::DefaultPrivileges> read_default_privileges(pq::Connection& connection) {
    const pq::Result result = connection.exec(k_default_privileges);
    std::vector<protocol::DefaultPrivileges> all;
    for (int row = 0; row < result.rows(); ++row) {
        protocol::DefaultPrivileges one{
            std::string(result.text(row, 0)), result.text(row, 1)[0], {}};
        if (!result.is_null(row, 2)) {
            const auto rights = protocol::parse_json("default privileges", result.text(row, 2));
            for (const auto& right : rights) {
                one.rights.push_back({right.at(0).get<std::string>(),
                                      right.at(1).get<std::string>(), right.at(2).get<bool>()});
            }
        }
        all.push_back(std::move(one));
    }
    return all;
}

std::vector<protocol::EnumLabels> read_enums(pq::Connection& connection,
                                             const std::vector<std::string>& schemas) {
    const pq::Result result = connection.exec(k_enums, {pq::array_text(schemas)});
    std::vector<protocol::EnumLabels> enums;
    for (int row = 0; row < result.rows(); ++row) {
        enums.push_back({{std::string(result.text(row, 0)), std::string(result.text(row, 1))},
                         result.number<std::uint32_t>(row, 2),
                         protocol::parse_json("a list of labels", result.text(row, 3))
                             .get<std::vector<std::uint32_t>>()});
    }
    return enums;
}

}  // namespace ardent::agent
