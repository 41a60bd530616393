// SPDX-License-Identifier: PostgreSQL
// The planner's statistics of a replica whose rows have just come. For an index over an expression
// they call its functions, which need the search_path that they have at the source.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/replica/index_builder.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

/// ANALYZE of everything: by `apply` with each table's search_path, by `admin` of what `apply` owns
/// no part in. `apply` is of no use for anything else afterwards. A table that cannot be analyzed
/// becomes a warning.
void collect_statistics(Superuser& admin, pq::Connection& apply, const WriterPaths& paths,
                        std::vector<std::string>& warnings);

}  // namespace ardent::environment
