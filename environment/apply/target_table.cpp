// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/target_table.hpp"

#include "environment/apply/failed.hpp"

#include <algorithm>

namespace ardent::apply {

namespace {

constexpr const char* k_columns = R"sql(
SELECT n.nspname, c.relname, c.relkind, c.relreplident,
       c.relkind = 'r' AND c.relhassubclass,
       EXISTS (SELECT FROM pg_catalog.pg_index AS o
                WHERE o.indrelid = c.oid AND (o.indisunique OR o.indisexclusion)
                  AND o.indexrelid IS DISTINCT FROM i.indexrelid),
       a.attname, pg_catalog.format_type(a.atttypid, -1), a.atttypid, a.atttypmod, t.typdelim,
       t.typcategory IN ('A', 'C') OR t.typarray = 0,
       a.attnotnull, a.attgenerated <> '', a.attidentity = 'a',
       COALESCE(l.collisdeterministic, true),
       k.place IS NOT NULL, e.operator,
       (SELECT pg_catalog.format(' COLLATE %I.%I', s.nspname, x.collname)
          FROM pg_catalog.pg_collation AS x
          JOIN pg_catalog.pg_namespace AS s ON s.oid = x.collnamespace
         WHERE x.oid = i.indcollation[k.place] AND x.oid <> a.attcollation),
       c.relkind <> 'm'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.objsubid = 0 AND d.deptype = 'e')
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_index AS i
         ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND ((c.relreplident = 'd' AND i.indisprimary) OR (c.relreplident = 'i' AND i.indisreplident))
  LEFT JOIN LATERAL (
       SELECT pg_catalog.min(p.place) AS place
         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS p (place)
        WHERE i.indkey[p.place] = a.attnum) AS k ON true
  LEFT JOIN LATERAL (
       -- Strategy 3 of a B-tree is equality; only a B-tree is unique.
       SELECT CASE WHEN s.nspname = 'pg_catalog' THEN o.oprname::pg_catalog.text
                   ELSE pg_catalog.format('OPERATOR(%I.%s)', s.nspname, o.oprname) END AS operator
         FROM pg_catalog.pg_opclass AS q
         JOIN pg_catalog.pg_amop AS m
           ON m.amopfamily = q.opcfamily AND m.amopstrategy = 3
          AND m.amoplefttype = q.opcintype AND m.amoprighttype = q.opcintype
         JOIN pg_catalog.pg_operator AS o ON o.oid = m.amopopr
         JOIN pg_catalog.pg_namespace AS s ON s.oid = o.oprnamespace
        WHERE q.oid = i.indclass[k.place]) AS e ON true
 WHERE c.relkind IN ('r', 'p', 'm')
   AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ardent')
 ORDER BY c.oid, a.attnum
)sql";

constexpr const char* k_types = R"sql(
SELECT oid, typtype, typbasetype FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e')
)sql";

// Type OIDs, from pg_type.dat.
constexpr unsigned k_bytea = 17;
constexpr unsigned k_float4 = 700;
constexpr unsigned k_float8 = 701;
constexpr unsigned k_bpchar = 1042;
constexpr unsigned k_numeric = 1700;
// bool, bytea, "char", name, int8, int2, int4, text, oid, bpchar, varchar, date, timestamp, timestamptz, uuid
constexpr unsigned k_exact[] = {16, 17,   18,   19,   20,   21,   23,  25,
                                26, 1042, 1043, 1082, 1114, 1184, 2950};

struct OwnType {
    bool enumeration = false;
    unsigned base = 0;
};

using OwnTypes = std::map<unsigned, OwnType>;

OwnTypes read_own_types(pq::Connection& connection) {
    const pq::Result result = connection.exec(k_types);
    OwnTypes types;
    for (int row = 0; row < result.rows(); ++row) {
        types[result.number<unsigned>(row, 0)] = {result.text(row, 1) == "e",
                                                  result.number<unsigned>(row, 2)};
    }
    return types;
}

/// Equal values have equal text: needed to know a row again by the text of its key. char(n) only with a
/// length of its own, because then all values are padded alike.
bool has_exact_equality(unsigned type, std::string_view typmod, bool deterministic,
                        const OwnTypes& own) {
    bool domain = false;
    for (auto found = own.find(type); found != own.end(); found = own.find(type)) {
        if (found->second.enumeration) {
            return true;
        }
        domain = true;
        type = found->second.base;
    }
    if (type == k_bpchar && (domain || typmod.substr(0, 1) == "-")) {
        return false;
    }
    return deterministic &&
           std::find(std::begin(k_exact), std::end(k_exact), type) != std::end(k_exact);
}

TargetColumn read_column(const pq::Result& result, int row, const OwnTypes& own) {
    const auto flag = [&](int column) { return result.text(row, column) == "t"; };
    const unsigned type = result.number<unsigned>(row, 8);
    TargetColumn column;
    column.name = result.text(row, 6);
    column.type = result.text(row, 7);
    column.delimiter = result.text(row, 10)[0];
    column.text_elements = flag(11);
    column.not_null = flag(12);
    column.generated = flag(13);
    column.identity_always = flag(14);
    column.bytea = type == k_bytea;
    column.may_be_nan = type == k_float4 || type == k_float8 || type == k_numeric;
    column.exact_equality = has_exact_equality(type, result.text(row, 9), flag(15), own);
    column.key = flag(16);
    if (!result.is_null(row, 17)) {
        column.equality = result.text(row, 17);
    }
    column.collation = result.is_null(row, 18) ? "" : result.text(row, 18);
    return column;
}

}  // namespace

int TargetTable::find(std::string_view column, std::size_t hint) const noexcept {
    if (hint < columns.size() && columns[hint].name == column) {
        return static_cast<int>(hint);
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name == column) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

void complete(TargetTable& table) {
    table.sql_name = pq::quote_qualified(table.relation.schema, table.relation.name);
    table.shown_name = shown(model::to_string(table.relation));
    table.exact_key = true;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        TargetColumn& column = table.columns[i];
        column.quoted = pq::quote_identifier(column.name);
        if (column.key) {
            table.key.push_back(static_cast<int>(i));
            table.exact_key = table.exact_key && column.exact_equality;
        } else if (column.identity_always) {
            table.fixed.push_back(static_cast<int>(i));
        }
        if (!column.generated) {
            table.writable.push_back(static_cast<int>(i));
        }
    }
    table.exact_key = table.exact_key && !table.key.empty();
}

TargetTables::TargetTables(pq::Connection& connection) {
    const OwnTypes own = read_own_types(connection);
    const pq::Result result = connection.exec(k_columns);
    TargetTable table;
    for (int row = 0; row < result.rows(); ++row) {
        const model::RelationName relation{std::string(result.text(row, 0)),
                                           std::string(result.text(row, 1))};
        if (relation != table.relation) {
            if (row > 0) {
                add(std::move(table));
            }
            table = {};
            table.relation = relation;
            table.kind = result.text(row, 2)[0];
            table.full = result.text(row, 3) == "f";
            table.has_children = result.text(row, 4) == "t";
            table.other_unique = result.text(row, 5) == "t";
            table.followed = result.text(row, 19) == "t";
        }
        if (!result.is_null(row, 6)) {
            table.columns.push_back(read_column(result, row, own));
        }
    }
    if (result.rows() > 0) {
        add(std::move(table));
    }
}

void TargetTables::add(TargetTable table) {
    complete(table);
    const model::RelationName relation = table.relation;
    m_tables.insert_or_assign(relation, std::move(table));
}

const TargetTable* TargetTables::find(std::string_view schema,
                                      std::string_view name) const noexcept {
    const auto found = m_tables.find(Less::View{schema, name});
    return found == m_tables.end() ? nullptr : &found->second;
}

}  // namespace ardent::apply
