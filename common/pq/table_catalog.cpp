// SPDX-License-Identifier: PostgreSQL
#include "common/pq/table_catalog.hpp"

#include "common/pq/array_text.hpp"

#include <cstdint>
#include <map>
#include <set>

namespace ardent::pq {

namespace {

constexpr const char* k_tables = R"sql(
WITH keys (oid, text) AS (
    SELECT p.partrelid,
           CASE p.partstrat WHEN 'r' THEN 'RANGE' WHEN 'l' THEN 'LIST' WHEN 'h' THEN 'HASH' ELSE p.partstrat::pg_catalog.text END
           || ' (' || pg_catalog.string_agg(COALESCE('"' || pg_catalog.replace(a.attname, '"', '""') || '"', 'an expression'),
                                            ', ' ORDER BY k.ordinality) || ')'
      FROM pg_catalog.pg_partitioned_table AS p
     CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, ordinality)
      LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = k.attnum
     GROUP BY p.partrelid, p.partstrat
)
SELECT n.nspname, c.relname, c.relkind, c.relreplident,
       a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       NULLIF(a.attgenerated, ''), NULLIF(a.attidentity, ''),
       (SELECT k.ordinality
          FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, ordinality)
         WHERE k.attnum = a.attnum AND k.ordinality <= i.indnkeyatts),
       c.oid, keys.text, a.atttypid
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_index AS i
         ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND ((c.relreplident = 'd' AND i.indisprimary) OR (c.relreplident = 'i' AND i.indisreplident))
  LEFT JOIN keys ON keys.oid = c.oid
 WHERE c.relkind IN ('r', 'p')
   AND c.relpersistence = 'p'
   AND n.nspname = ANY ($1::pg_catalog.text[])
   AND c.relname = COALESCE($4::pg_catalog.text, c.relname)
   AND NOT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]),
                                          pg_catalog.unnest($3::pg_catalog.text[])) AS x (schema, name)
                    WHERE x.schema = n.nspname AND x.name = c.relname)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
 ORDER BY n.nspname COLLATE pg_catalog."C", c.relname COLLATE pg_catalog."C", a.attnum
)sql";

// A bound is made of constants. Without the table's oid pg_get_expr does not lock the table, and so
// does not wait for whoever alters it.
constexpr const char* k_parents = R"sql(
SELECT i.inhrelid, n.nspname, p.relname, pg_catalog.pg_get_expr(c.relpartbound, 0)
  FROM pg_catalog.pg_inherits AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_catalog.pg_namespace AS own ON own.oid = c.relnamespace
  JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.relnamespace
 WHERE c.relkind IN ('r', 'p') AND own.nspname = ANY ($1::pg_catalog.text[])
 ORDER BY i.inhrelid, i.inhseqno
)sql";

// Names are always quoted: which words need it depends on the server's version. The checks of a
// domain are named only: their text is another one after a dump.
constexpr const char* k_types = R"sql(
WITH RECURSIVE used (oid) AS (
    SELECT pg_catalog.unnest($1::pg_catalog.oid[])
    UNION
    SELECT inside.oid
      FROM used
      JOIN pg_catalog.pg_type AS t ON t.oid = used.oid
     CROSS JOIN LATERAL (
               SELECT t.typelem
                UNION ALL
               SELECT t.typbasetype
                UNION ALL
               SELECT a.atttypid
                 FROM pg_catalog.pg_attribute AS a
                WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
               SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid
                UNION ALL
               SELECT d.refobjid  -- the range of a multirange
                 FROM pg_catalog.pg_depend AS d
                WHERE t.typtype = 'm' AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
                  AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'i') AS inside (oid)
     WHERE inside.oid >= 16384
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
                          AND d.deptype = 'e')
)
SELECT n.nspname, t.typname,
       CASE t.typtype
       WHEN 'e' THEN
           'ENUM (' || COALESCE((SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel::pg_catalog.text), ', '
                                                              ORDER BY e.enumsortorder)
                                   FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid), '') || ')'
       WHEN 'c' THEN
           '(' || COALESCE((SELECT pg_catalog.string_agg(
                                       '"' || pg_catalog.replace(a.attname, '"', '""') || '" '
                                       || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                              FROM pg_catalog.pg_attribute AS a
                             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')'
       WHEN 'd' THEN
           'DOMAIN OVER ' || pg_catalog.format_type(t.typbasetype, t.typtypmod)
           || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
           || COALESCE((SELECT ' WITH CHECK ' || pg_catalog.string_agg(
                                   '"' || pg_catalog.replace(k.conname, '"', '""') || '"', ', '
                                   ORDER BY k.conname COLLATE pg_catalog."C")
                          FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
       ELSE
           'RANGE OF ' || (SELECT pg_catalog.format_type(r.rngsubtype, NULL)
                             FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid)
       END
  FROM used
  JOIN pg_catalog.pg_type AS t ON t.oid = used.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('c', 'd', 'e', 'r')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
                      AND d.deptype = 'e')
 ORDER BY n.nspname COLLATE pg_catalog."C", t.typname COLLATE pg_catalog."C"
)sql";

constexpr std::uint32_t k_first_own_oid = 16384;  // FirstNormalObjectId, access/transam.h

struct Key {
    std::map<int, std::string> columns;  // place in the index -> name

    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const auto& [place, name] : columns) {
            list.push_back(name);
        }
        return list;
    }
};

model::ColumnDefinition read_column(const Result& result, int row) {
    model::ColumnDefinition column;
    column.name = result.text(row, 4);
    column.type = result.text(row, 5);
    column.not_null = result.text(row, 6) == "t";
    column.generated =
        result.is_null(row, 7) ? model::Generated::no : model::Generated{result.text(row, 7)[0]};
    column.identity = result.is_null(row, 8) ? ' ' : result.text(row, 8)[0];
    return column;
}

struct Found {
    std::vector<model::TableDefinition> tables;
    std::map<std::string, std::size_t, std::less<>> places;  // oid -> place in tables
    std::set<std::string, std::less<>>
        types;  // oids of columns' types that are not the server's own
};

Found read_columns(Connection& connection, const std::vector<std::string>& schemas,
                   const std::vector<model::RelationName>& excluded, const Value& only) {
    const NameArrays names = name_arrays(excluded);
    const Result result =
        connection.exec(k_tables, {array_text(schemas), names.schemas, names.names, only});
    Found found;
    Key key;
    for (int row = 0; row < result.rows(); ++row) {
        const std::string_view oid = result.text(row, 10);
        if (found.places.find(oid) == found.places.end()) {
            key.columns.clear();
            found.places.emplace(oid, found.tables.size());
            model::TableDefinition table;
            table.relation = {std::string(result.text(row, 0)), std::string(result.text(row, 1))};
            table.kind = result.text(row, 2)[0];
            table.replica_identity = result.text(row, 3)[0];
            table.partition_key = result.is_null(row, 11) ? "" : result.text(row, 11);
            found.tables.push_back(std::move(table));
        }
        if (result.is_null(row, 4)) {
            continue;  // a table without columns
        }
        model::TableDefinition& table = found.tables.back();
        table.columns.push_back(read_column(result, row));
        if (!result.is_null(row, 9)) {
            key.columns[result.number<int>(row, 9)] = result.text(row, 4);
            table.identity_columns = key.names();
        }
        if (result.number<std::uint32_t>(row, 12) >= k_first_own_oid) {
            found.types.emplace(result.text(row, 12));
        }
    }
    return found;
}

void read_parents(Connection& connection, const std::vector<std::string>& schemas, Found& found) {
    const Result result = connection.exec(k_parents, {array_text(schemas)});
    for (int row = 0; row < result.rows(); ++row) {
        const auto place = found.places.find(result.text(row, 0));
        if (place == found.places.end()) {
            continue;  // not one of the tables that are asked for
        }
        model::TableDefinition& table = found.tables[place->second];
        table.parents.push_back(
            {std::string(result.text(row, 1)), std::string(result.text(row, 2))});
        table.partition_bound = result.is_null(row, 3) ? "" : result.text(row, 3);
    }
}

std::vector<model::TypeDefinition> read_types(Connection& connection, const Found& found) {
    std::vector<model::TypeDefinition> types;
    if (found.types.empty()) {
        return types;
    }
    const std::vector<std::string> oids(found.types.begin(), found.types.end());
    const Result result = connection.exec(k_types, {array_text(oids)});
    for (int row = 0; row < result.rows(); ++row) {
        types.push_back({{std::string(result.text(row, 0)), std::string(result.text(row, 1))},
                         std::string(result.text(row, 2))});
    }
    return types;
}

model::Definitions read(Connection& connection, const std::vector<std::string>& schemas,
                        const std::vector<model::RelationName>& excluded, const Value& only) {
    Found found = read_columns(connection, schemas, excluded, only);
    read_parents(connection, schemas, found);
    std::vector<model::TypeDefinition> types = read_types(connection, found);
    return {std::move(found.tables), std::move(types)};
}

}  // namespace

NameArrays name_arrays(const std::vector<model::RelationName>& relations) {
    ArrayText schemas;
    ArrayText names;
    for (const model::RelationName& relation : relations) {
        schemas.add(relation.schema);
        names.add(relation.name);
    }
    return {schemas.finish(), names.finish()};
}

model::Definitions read_definitions(Connection& connection, const std::vector<std::string>& schemas,
                                    const std::vector<model::RelationName>& excluded) {
    return read(connection, schemas, excluded, std::nullopt);
}

model::Definitions read_definition(Connection& connection, const model::RelationName& relation) {
    return read(connection, {relation.schema}, {}, relation.name);
}

}  // namespace ardent::pq
