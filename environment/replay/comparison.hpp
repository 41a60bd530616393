// SPDX-License-Identifier: PostgreSQL
// After a statement: are the relations that it touched what the message says they are?
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"

#include <string>

namespace ardent::replay {

/// Throws base::Error (replica) with the first difference and both sides. In the target
/// transaction. `overtaken`: a transaction with DDL that was committed after the statement ran is
/// here already. It may have given other names to the relation's indexes, types and parents, for
/// which nobody needs a lock on the relation: names are not compared then.
void require_equal(pq::Connection& connection, const model::DdlStatement& statement,
                   const Scope& scope, const std::string& encoding, bool overtaken);

}  // namespace ardent::replay
