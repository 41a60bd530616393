// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/target_table.hpp"

#include "environment/apply/failed.hpp"

#include <algorithm>

namespace ardent::apply {

namespace {

// $1: one table; NULL: all of them.
constexpr const char* k_columns = R"sql(
SELECT n.nspname, c.relname, c.oid, pg_catalog.pg_get_userbyid(c.relowner), c.relreplident = 'f',
       EXISTS (SELECT FROM pg_catalog.pg_index AS o
                WHERE o.indrelid = c.oid AND (o.indisunique OR o.indisexclusion)
                  AND o.indexrelid IS DISTINCT FROM i.indexrelid),
       c.relkind <> 'm'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.objsubid = 0 AND d.deptype = 'e'),
       a.attname, a.attnum, a.atttypid, a.atttypmod,
       -- 18: under a NOT NULL constraint that is NOT VALID old rows have nulls
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS x
                                     WHERE x.conrelid = c.oid AND x.contype = 'n' AND NOT x.convalidated
                                       AND x.conkey = ARRAY[a.attnum]),
       a.attgenerated = 'v',
       COALESCE(l.collisdeterministic, true) AND COALESCE(x.collisdeterministic, true),
       k.place IS NOT NULL
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_index AS i
         ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND ((c.relreplident = 'd' AND i.indisprimary) OR (c.relreplident = 'i' AND i.indisreplident))
  LEFT JOIN LATERAL (
       SELECT pg_catalog.min(p.place) AS place
         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS p (place)
        WHERE i.indkey[p.place] = a.attnum) AS k ON true
  LEFT JOIN pg_catalog.pg_collation AS x ON x.oid = i.indcollation[k.place]
 WHERE c.relkind IN ('r', 'p', 'm')
   AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ardent')
   AND ($1::pg_catalog.text IS NULL OR c.oid = pg_catalog.to_regclass($1))
 ORDER BY c.oid, a.attnum
)sql";

enum Column {
    k_schema,
    k_table,
    k_oid,
    k_owner,
    k_full,
    k_other_unique,
    k_followed,
    k_name,
    k_number,
    k_type,
    k_typmod,
    k_not_null,
    k_virtual,
    k_deterministic,
    k_key
};

constexpr const char* k_types = R"sql(
SELECT oid, typtype, typbasetype FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e')
)sql";

constexpr const char* k_types_of_table = R"sql(
WITH RECURSIVE used (oid) AS (
    SELECT a.atttypid
      FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = pg_catalog.to_regclass($1)
     UNION
    SELECT t.typbasetype FROM used AS u JOIN pg_catalog.pg_type AS t ON t.oid = u.oid
)
SELECT t.oid, t.typtype, t.typbasetype
  FROM used AS u
  JOIN pg_catalog.pg_type AS t ON t.oid = u.oid
 WHERE t.typtype IN ('d', 'e')
)sql";

// Type OIDs, from pg_type.dat.
constexpr unsigned k_bytea = 17;
constexpr unsigned k_float4 = 700;
constexpr unsigned k_float8 = 701;
constexpr unsigned k_bpchar = 1042;
constexpr unsigned k_numeric = 1700;
// bool, bytea, "char", name, int8, int2, int4, text, oid, bpchar, varchar, date, timestamp,
// timestamptz, uuid
constexpr unsigned k_exact[] = {16, 17,   18,   19,   20,   21,   23,  25,
                                26, 1042, 1043, 1082, 1114, 1184, 2950};

struct OwnType {
    bool enumeration = false;
    unsigned base = 0;
};

using OwnTypes = std::map<unsigned, OwnType>;

OwnTypes own_types_in(const pq::Result& result) {
    OwnTypes types;
    for (int row = 0; row < result.rows(); ++row) {
        types[result.number<unsigned>(row, 0)] = {result.text(row, 1) == "e",
                                                  result.number<unsigned>(row, 2)};
    }
    return types;
}

/// Equal values have equal text: needed to know a row again by the text of its key. char(n) only
/// with a length of its own, because then all values are padded alike.
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

bool flag(const pq::Result& result, int row, Column column) {
    return result.text(row, column) == "t";
}

TargetColumn read_column(const pq::Result& result, int row, const OwnTypes& own) {
    const unsigned type = result.number<unsigned>(row, k_type);
    TargetColumn column;
    column.name = result.text(row, k_name);
    column.number = result.number<int>(row, k_number);
    column.not_null = flag(result, row, k_not_null);
    column.is_virtual = flag(result, row, k_virtual);
    column.bytea = type == k_bytea;
    column.may_be_nan = type == k_float4 || type == k_float8 || type == k_numeric;
    column.exact_equality = has_exact_equality(type, result.text(row, k_typmod),
                                               flag(result, row, k_deterministic), own);
    column.key = flag(result, row, k_key);
    return column;
}

std::string numbers_of(const TargetTable& table, const std::vector<int>& places) {
    std::string text = "{";
    for (const int place : places) {
        text += (text.size() > 1 ? "," : "") +
                std::to_string(table.columns[static_cast<std::size_t>(place)].number);
    }
    return text + "}";
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
    table.shown_name = shown(model::to_string(table.relation));
    table.exact_key = true;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const TargetColumn& column = table.columns[i];
        if (column.key) {
            table.key.push_back(static_cast<int>(i));
            table.exact_key = table.exact_key && column.exact_equality;
        }
        if (!column.is_virtual) {
            table.stored.push_back(static_cast<int>(i));
        }
    }
    table.exact_key = table.exact_key && !table.key.empty();
    table.identity = table.full ? table.stored : table.key;
    table.identity_numbers = numbers_of(table, table.identity);
    table.stored_numbers = numbers_of(table, table.stored);
}

std::string delete_all_sql(const TargetTable& table) {
    return "DELETE FROM ONLY " + pq::quote_qualified(table.relation.schema, table.relation.name);
}

TargetTables::TargetTables(pq::Connection& connection) {
    const pq::Result own = connection.exec(k_types);
    add_all(connection.exec(k_columns, {std::nullopt}), own);
}

void TargetTables::forget() {
    m_tables.clear();
    m_read.clear();
    m_forgotten = true;
}

bool TargetTables::is_forgotten(std::string_view schema, std::string_view name) const {
    return m_forgotten && !m_read.contains(Less::View{schema, name});
}

void TargetTables::read(pq::Connection& connection, const model::RelationName& relation) {
    const std::string name = pq::quote_qualified(relation.schema, relation.name);
    const pq::Result own = connection.exec(k_types_of_table, {name});
    add_all(connection.exec(k_columns, {name}), own);
    m_read.insert(relation);
}

void TargetTables::add_all(const pq::Result& result, const pq::Result& own_types) {
    const OwnTypes own = own_types_in(own_types);
    TargetTable table;
    for (int row = 0; row < result.rows(); ++row) {
        const model::RelationName relation{std::string(result.text(row, k_schema)),
                                           std::string(result.text(row, k_table))};
        if (relation != table.relation) {
            if (row > 0) {
                add(std::move(table));
            }
            table = {};
            table.relation = relation;
            table.oid = result.text(row, k_oid);
            table.owner = result.text(row, k_owner);
            table.full = flag(result, row, k_full);
            table.other_unique = flag(result, row, k_other_unique);
            table.followed = flag(result, row, k_followed);
        }
        if (!result.is_null(row, k_name)) {
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
