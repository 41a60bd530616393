// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/rewrites.hpp"

#include "common/pq/array_text.hpp"

#include <algorithm>
#include <set>

namespace ardent::replay {

namespace {

// What a generated column's expression calls beside the server's own, which pg_depend does not tell
// of. Before 15 it is the column that depends on it, and not the expression.
bool computes_by_own_code(pq::Connection& connection, const model::RelationName& name) {
    return connection.value(
               R"sql(
        SELECT EXISTS (
               SELECT FROM pg_catalog.pg_attribute AS a
                 JOIN pg_catalog.pg_attrdef AS x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
                 JOIN pg_catalog.pg_depend AS d
                   ON (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = x.oid)
                   OR (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                       AND d.objid = a.attrelid AND d.objsubid = a.attnum)
                WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attgenerated = 's'
                  AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                       'pg_catalog.pg_operator'::pg_catalog.regclass))
        )sql",
               {pq::quote_qualified(name.schema, name.name)}) == "t";
}

bool is_empty(pq::Connection& connection, const model::RelationName& name) {
    const std::string table = pq::quote_qualified(name.schema, name.name);
    return connection.value("SELECT pg_catalog.to_regclass($1)", {table}) == std::nullopt ||
           connection.value("SELECT EXISTS (SELECT FROM ONLY " + table + ")") == "f";
}

std::set<std::string> columns_of(pq::Connection& connection, const model::RelationName& name) {
    const pq::Result found = connection.exec(
        R"sql(
        SELECT a.attname
          FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
        )sql",
        {pq::quote_qualified(name.schema, name.name)});
    std::set<std::string> columns;
    for (int row = 0; row < found.rows(); ++row) {
        columns.emplace(found.text(row, 0));
    }
    return columns;
}

std::uint32_t oid_of(pq::Connection& connection, const model::RelationName& name) {
    return connection
        .exec("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid",
              {pq::quote_qualified(name.schema, name.name)})
        .number<std::uint32_t>(0, 0);
}

std::string why_rows_differ(pq::Connection& connection, const model::DdlStatement& statement,
                            const model::DdlRewrite& rewrite, const model::RelationName& name) {
    const model::DdlTable* const table = model::table_of(statement, name);
    const bool unlogged = table != nullptr && table->persistence == "unlogged";
    if (model::has_reason(rewrite, "persistence") && !unlogged) {
        return "it was unlogged before";
    }
    if (is_empty(connection, name)) {
        return {};
    }
    // The source computed them anew, too, with what it had at hand.
    if (computes_by_own_code(connection, name)) {
        return "its generated columns are computed by functions of its own";
    }
    if (model::has_reason(rewrite, "column_type") && rewrite.values != "same") {
        return rewrite.values.empty()
                   ? std::string("the source could not tell where the new type's values come from")
                   : "the new type's values come from " + rewrite.because;
    }
    if (model::has_reason(rewrite, "default") && table == nullptr) {
        return "the message has no definition of it";
    }
    return {};
}

std::string why_column_differs(const model::DdlColumn& column, const model::DdlAdded& added,
                               bool rewritten) {
    if (!column.identity.empty()) {
        return rewritten ? "column " + column.name +
                               " is an identity, numbered in the order of the rows on disk"
                         : std::string();
    }
    if (added.value != "other") {
        return {};
    }
    return (column.generated.empty() ? "the default of column " : "the generated column ") +
           column.name + " calls " + added.because;
}

// What a message leaves out of a large family.
std::vector<model::RelationName> descendants(pq::Connection& connection,
                                             const model::RelationName& name) {
    const pq::Result rows = connection.exec(
        R"sql(
        WITH RECURSIVE family (oid) AS (
            SELECT pg_catalog.to_regclass($1)::pg_catalog.oid
             UNION
            SELECT i.inhrelid FROM family JOIN pg_catalog.pg_inherits AS i ON i.inhparent = family.oid)
        SELECT n.nspname, c.relname
          FROM family
          JOIN pg_catalog.pg_class AS c ON c.oid = family.oid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r'
        )sql",
        {pq::quote_qualified(name.schema, name.name)});
    std::vector<model::RelationName> names;
    for (int row = 0; row < rows.rows(); ++row) {
        names.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
    }
    return names;
}

/// One statement's tables, gathered.
class Finder {
public:
    Finder(pq::Connection& connection, const model::DdlStatement& statement, const Scope& scope)
        : m_connection(connection), m_statement(statement), m_scope(scope) {}

    RowsApart find() {
        for (const model::DdlRewrite& rewrite : m_statement.rewritten) {
            const auto name = model::parse_relation(rewrite.identity);
            if (name && carries(m_scope, *name)) {
                want(*name, why_rows_differ(m_connection, m_statement, rewrite, *name));
            }
        }
        for (const model::DdlTable& table : m_statement.tables) {
            if (!table.added.empty() && carries(m_scope, table.relation)) {
                look_at_new_columns(table);
            }
        }
        return std::move(m_found);
    }

private:
    void want(const model::RelationName& name, const std::string& why) {
        const std::uint32_t oid = why.empty() ? 0 : oid_of(m_connection, name);
        const bool known = std::any_of(m_found.again.begin(), m_found.again.end(),
                                       [&](const CopyWanted& one) { return one.relation == oid; });
        if (oid != 0 && !known) {
            m_found.again.push_back({oid, name, why});
        }
    }

    void look_at_new_columns(const model::DdlTable& table) {
        const bool leaf = table.kind == "table";
        const bool rewritten = model::rewrite_of(m_statement, table.relation) != nullptr;
        const bool empty = leaf && is_empty(m_connection, table.relation);
        const std::set<std::string> before = columns_of(m_connection, table.relation);
        for (const model::DdlColumn& column : table.columns) {
            const auto added = table.added.find(column.name);
            if (added == table.added.end() || before.contains(column.name)) {
                continue;  // IF NOT EXISTS
            }
            const auto told = table.missing.find(column.name);
            if (leaf && !empty && told != table.missing.end()) {
                m_found.values.push_back({table.relation, column.name, column.type, told->second});
                continue;
            }
            const std::string why = why_column_differs(column, added->second, rewritten);
            if (leaf && !empty) {
                want(table.relation, why);
            } else if (!leaf && !why.empty()) {
                want_those_left_out(table, why);
            }
        }
    }

    void want_those_left_out(const model::DdlTable& table, const std::string& why) {
        for (const model::RelationName& name : descendants(m_connection, table.relation)) {
            if (carries(m_scope, name) && model::table_of(m_statement, name) == nullptr &&
                !is_empty(m_connection, name)) {
                want(name, why);
            }
        }
    }

    pq::Connection& m_connection;
    const model::DdlStatement& m_statement;
    const Scope& m_scope;
    RowsApart m_found;
};

}  // namespace

RowsApart rows_apart(pq::Connection& connection, const model::DdlStatement& statement,
                     const Scope& scope) {
    return Finder(connection, statement, scope).find();
}

void write_values(pq::Connection& connection, const std::vector<NewValue>& values) {
    for (const NewValue& one : values) {
        const std::string table = pq::quote_qualified(one.table.schema, one.table.name);
        const std::string value = "$1::" + one.type;
        const pq::Result same = connection.exec(
            R"sql(
            SELECT (a.attmissingval::pg_catalog.text::pg_catalog.text[])[1] = )sql" +
                ("(" + value + ")") + R"sql(::pg_catalog.text
              FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = pg_catalog.to_regclass($2) AND a.attname = $3
            )sql",
            {one.value, table, one.column});
        if (same.rows() == 0 || same.text(0, 0) != "t") {
            connection.exec(
                "UPDATE ONLY " + table + " SET " + pq::quote_identifier(one.column) + " = " + value,
                {one.value});
        }
    }
}

std::optional<std::string> detached_partition(pq::Connection& connection,
                                              const model::DdlStatement& statement,
                                              const SqlText& sql) {
    const auto place = sql.find({"detach", "partition"});
    if (!place) {
        return std::nullopt;
    }
    for (const model::DdlTable& table : statement.tables) {
        const std::string name = pq::quote_qualified(table.relation.schema, table.relation.name);
        const pq::Result found = connection.exec(
            R"sql(
            SELECT pg_catalog.pg_get_partition_constraintdef(c.oid), n.name
              FROM pg_catalog.pg_class AS c
             CROSS JOIN pg_catalog.unnest($2::pg_catalog.text[]) AS n (name)
             WHERE c.oid = pg_catalog.to_regclass($1) AND c.relispartition
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                                WHERE k.conrelid = c.oid AND k.conname = n.name)
            )sql",
            {name, pq::array_text(table.checks)});
        if (found.rows() > 0 && !table.partition_of) {
            return "ALTER TABLE " + name + " ADD CONSTRAINT " +
                   pq::quote_identifier(found.text(0, 1)) + " CHECK (" +
                   std::string(found.text(0, 0)) + ")";
        }
    }
    return std::nullopt;
}

}  // namespace ardent::replay
