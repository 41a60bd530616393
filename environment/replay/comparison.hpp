// SPDX-License-Identifier: PostgreSQL
// After a statement: are the relations that it touched what the message says they are?
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"

#include <functional>
#include <string>

namespace ardent::replay {

/// Makes column defaults what they are at the source, by `run`, where the statement's text gave
/// others ('now' becomes the time at which it was read). Throws base::Error (replica) with the
/// first difference that is left and both sides. In the target transaction. `overtaken`: a
/// transaction with DDL that was committed after the statement ran is here already. It may have
/// given other names to the relation's indexes, types and parents, for which nobody needs a lock on
/// the relation: names are not compared then.
void require_equal(pq::Connection& connection, const model::DdlStatement& statement,
                   const Scope& scope, const std::string& encoding, bool overtaken,
                   const std::function<void(const std::string& sql)>& run);

}  // namespace ardent::replay
