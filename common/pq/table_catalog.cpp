// SPDX-License-Identifier: PostgreSQL
#include "common/pq/table_catalog.hpp"

#include "common/pq/array_text.hpp"

#include <charconv>
#include <map>

namespace ardent::pq {

namespace {

constexpr const char* k_tables = R"sql(
SELECT n.nspname, c.relname, c.relkind, c.relreplident,
       a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attgenerated <> '', NULLIF(a.attidentity, ''),
       (SELECT k.ordinality
          FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, ordinality)
         WHERE k.attnum = a.attnum AND k.ordinality <= i.indnkeyatts)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_index AS i
         ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND ((c.relreplident = 'd' AND i.indisprimary) OR (c.relreplident = 'i' AND i.indisreplident))
 WHERE c.relkind IN ('r', 'p')
   AND c.relpersistence = 'p'
   AND n.nspname = ANY ($1::pg_catalog.text[])
   AND NOT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]),
                                          pg_catalog.unnest($3::pg_catalog.text[])) AS x (schema, name)
                    WHERE x.schema = n.nspname AND x.name = c.relname)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
 ORDER BY n.nspname COLLATE pg_catalog."C", c.relname COLLATE pg_catalog."C", a.attnum
)sql";

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
    column.generated = result.text(row, 7) == "t";
    column.identity = result.is_null(row, 8) ? ' ' : result.text(row, 8)[0];
    return column;
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

std::vector<model::TableDefinition> read_tables(Connection& connection,
                                                const std::vector<std::string>& schemas,
                                                const std::vector<model::RelationName>& excluded) {
    const NameArrays names = name_arrays(excluded);
    const Result result =
        connection.exec(k_tables, {array_text(schemas), names.schemas, names.names});
    std::vector<model::TableDefinition> tables;
    Key key;
    for (int row = 0; row < result.rows(); ++row) {
        const model::RelationName relation{std::string(result.text(row, 0)),
                                           std::string(result.text(row, 1))};
        if (tables.empty() || tables.back().relation != relation) {
            key.columns.clear();
            model::TableDefinition table;
            table.relation = relation;
            table.kind = result.text(row, 2)[0];
            table.replica_identity = result.text(row, 3)[0];
            tables.push_back(std::move(table));
        }
        if (result.is_null(row, 4)) {
            continue;  // a table without columns
        }
        tables.back().columns.push_back(read_column(result, row));
        if (!result.is_null(row, 9)) {
            const std::string_view place = result.text(row, 9);
            int ordinal = 0;
            std::from_chars(place.data(), place.data() + place.size(), ordinal);
            key.columns[ordinal] = result.text(row, 4);
            tables.back().identity_columns = key.names();
        }
    }
    return tables;
}

}  // namespace ardent::pq
