// SPDX-License-Identifier: PostgreSQL
// CREATE, ALTER and DROP EXTENSION, by name, schema and version: in the target transaction like any
// other statement, and under the rules of the copy (environment/replica/extensions.hpp).
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/outcome.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/privileged.hpp"
#include "environment/replica/extensions.hpp"

namespace ardent::replay {

/// Throws base::Error: replica when somebody has to see to it.
Outcome replay_extension(pq::Connection& connection, Privileged& privileged,
                         const model::DdlStatement& statement, const Scope& scope,
                         const environment::ExtensionPolicy& policy);

}  // namespace ardent::replay
