// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/rewrites.hpp"

#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

#include <algorithm>
#include <array>

namespace ardent::replay {

namespace {

constexpr std::array<std::string_view, 5> k_clocks = {
    "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"};

bool has_reason(const model::DdlRewrite& rewrite, std::string_view reason) {
    return std::find(rewrite.reasons.begin(), rewrite.reasons.end(), reason) !=
           rewrite.reasons.end();
}

// A function of one's own that only says STABLE may read what has changed since. `same_moment`: what is STABLE of the
// server's own tells the same here.
std::vector<std::string> unsteady(pq::Connection& connection, const SqlText& text,
                                  bool same_moment) {
    const pq::Result found = connection.exec(
        R"sql(
        SELECT DISTINCT p.proname
          FROM pg_catalog.pg_proc AS p
         WHERE p.proname = ANY ($1::pg_catalog.text[])
           AND (p.provolatile = 'v'
                OR (p.provolatile = 's'
                    AND (NOT $2::pg_catalog.bool
                         OR p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)))
         ORDER BY 1
        )sql",
        {pq::array_text(text.called()), same_moment ? "t" : "f"});
    std::vector<std::string> functions;
    for (const Token& token : text.tokens()) {
        if (token.kind == TokenKind::word && !same_moment &&
            std::find(k_clocks.begin(), k_clocks.end(), token.text) != k_clocks.end()) {
            functions.push_back(token.text);
        }
    }
    for (int row = 0; row < found.rows(); ++row) {
        functions.emplace_back(found.text(row, 0));
    }
    return functions;
}

bool is_empty(pq::Connection& connection, const model::RelationName& name) {
    const std::string table = pq::quote_qualified(name.schema, name.name);
    return connection.value("SELECT pg_catalog.to_regclass($1)", {table}) == std::nullopt ||
           connection.value("SELECT EXISTS (SELECT FROM ONLY " + table + ")") == "f";
}

bool has_column(pq::Connection& connection, const model::RelationName& name,
                const std::string& column) {
    return connection
               .exec(R"sql(
        SELECT FROM pg_catalog.pg_attribute AS a
          JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND NOT a.attisdropped
        )sql",
                     {name.schema, name.name, column})
               .rows() > 0;
}

bool is_rewritten(const model::DdlStatement& statement, const model::RelationName& name) {
    return std::any_of(
        statement.rewritten.begin(), statement.rewritten.end(),
        [&](const auto& one) { return model::parse_relation(one.identity) == name; });
}

}  // namespace

std::string why_rows_differ(pq::Connection& connection, const model::DdlStatement& statement,
                            const model::DdlRewrite& rewrite, const model::RelationName& name) {
    const auto table =
        std::find_if(statement.tables.begin(), statement.tables.end(),
                     [&](const model::DdlTable& one) { return one.relation == name; });
    const bool unlogged = table != statement.tables.end() && table->persistence == "unlogged";
    if (has_reason(rewrite, "persistence") && !unlogged) {
        return "it was unlogged before";
    }
    if (is_empty(connection, name)) {
        return {};
    }
    if (has_reason(rewrite, "column_type")) {
        const auto functions =
            unsteady(connection, read_text(statement, statement.text.value_or("")), true);
        if (!functions.empty()) {
            return "the new type's values come from " + base::join(functions, ", ");
        }
    }
    if (has_reason(rewrite, "default") && table == statement.tables.end()) {
        return "the message has no definition of it";
    }
    return {};
}

std::string why_new_columns_differ(pq::Connection& connection, const model::DdlStatement& statement,
                                   const model::DdlTable& table) {
    if (table.kind != "table" || is_empty(connection, table.relation)) {
        return {};
    }
    for (const model::DdlColumn& column : table.columns) {
        if (has_column(connection, table.relation, column.name)) {
            continue;
        }
        if (!column.identity.empty() && is_rewritten(statement, table.relation)) {
            return "column " + column.name +
                   " is an identity, numbered in the order of the rows on disk";
        }
        const auto functions = unsteady(connection, SqlText(column.expression, true), false);
        if (!functions.empty()) {
            return "the default of column " + column.name + " calls " + base::join(functions, ", ");
        }
    }
    return {};
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
