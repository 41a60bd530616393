// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/drops.hpp"

#include "common/pq/array_text.hpp"

namespace ardent::replay {

Drops::Drops(pq::Connection& connection, const Scope& scope)
    : m_connection(connection), m_scope(scope), m_before(relations()) {}

std::set<model::RelationName> Drops::relations() const {
    const pq::Result rows = m_connection.exec(
        R"sql(
        SELECT n.nspname, c.relname
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY ($1::pg_catalog.text[])
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                              AND d.deptype = 'e')
        )sql",
        {pq::array_text(m_scope.schemas)});
    std::set<model::RelationName> names;
    for (int row = 0; row < rows.rows(); ++row) {
        names.insert({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
    }
    return names;
}

void Drops::require_recorded(const model::DdlStatement& statement) const {
    const std::set<model::RelationName> after = relations();
    // Parsed: a session of the source may quote all names, and what is dropped was named then.
    std::set<model::RelationName> dropped;
    for (const model::DdlDropped& one : statement.dropped) {
        if (const auto name = model::parse_relation(one.identity)) {
            dropped.insert(*name);
        }
    }
    for (const model::RelationName& name : m_before) {
        if (!after.contains(name) && !dropped.contains(name)) {
            throw base::Error(
                base::ErrorKind::replica,
                "a " + statement.tag + " of the source would drop " + model::to_string(name) +
                    " here, which it did not drop there",
                "Make it here what it is at the source (its owner, what it depends on), then run "
                "retry-setup.");
        }
    }
}

}  // namespace ardent::replay
