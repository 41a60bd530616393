// SPDX-License-Identifier: PostgreSQL
// A statement that names less than it drops (DROP OWNED, CASCADE) may find more here than at the
// source. One thread.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"

#include <set>

namespace ardent::replay {

class Drops {
public:
    /// Before the statement; in the target transaction.
    Drops(pq::Connection& connection, const Scope& scope);
    /// After it: throws base::Error (replica) when a relation is gone that the message does not
    /// list.
    void require_recorded(const model::DdlStatement& statement) const;

private:
    std::set<model::RelationName> relations() const;

    pq::Connection& m_connection;
    const Scope& m_scope;
    std::set<model::RelationName> m_before;
};

}  // namespace ardent::replay
