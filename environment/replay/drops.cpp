// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/drops.hpp"

#include "common/pq/array_text.hpp"

#include <algorithm>
#include <set>

namespace ardent::replay {

Drops::Drops(pq::Connection& connection, const Scope& scope)
    : m_connection(connection), m_scope(scope), m_before(relations()) {}

std::vector<std::string> Drops::relations() const {
    const pq::Result rows = m_connection.exec(
        R"sql(
        SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY ($1::pg_catalog.text[])
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                              AND d.deptype = 'e')
        )sql",
        {pq::array_text(m_scope.schemas)});
    std::vector<std::string> names;
    for (int row = 0; row < rows.rows(); ++row) {
        names.emplace_back(rows.text(row, 0));
    }
    std::sort(names.begin(), names.end());
    return names;
}

void Drops::require_recorded(const model::DdlStatement& statement) const {
    const std::vector<std::string> after = relations();
    // Parsed: a session of the source may quote all names, and what is dropped was named then.
    std::set<model::RelationName> dropped;
    for (const model::DdlDropped& one : statement.dropped) {
        if (const auto name = model::parse_relation(one.identity)) {
            dropped.insert(*name);
        }
    }
    for (const std::string& name : m_before) {
        const bool gone = !std::binary_search(after.begin(), after.end(), name);
        const auto relation = model::parse_relation(name);
        if (gone && (!relation || !dropped.contains(*relation))) {
            throw base::Error(
                base::ErrorKind::replica,
                "a " + statement.tag + " of the source would drop " + name +
                    " here, which it did not drop there",
                "Make it here what it is at the source (its owner, what it depends on), then run "
                "retry-setup.");
        }
    }
}

}  // namespace ardent::replay
