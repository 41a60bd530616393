// SPDX-License-Identifier: PostgreSQL
// By what one sees that a generated column was made anew. Functions on the caller's connection and
// thread; they throw as Connection::exec.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <string>
#include <vector>

namespace ardent::agent {

/// Of all tables in the schemas, those that are not carried as well.
std::vector<protocol::GeneratedColumn> read_generated(pq::Connection& connection,
                                                      const std::vector<std::string>& schemas);

}  // namespace ardent::agent
