// SPDX-License-Identifier: PostgreSQL
// Something in the stream when nothing else is: an empty transactional message, which changes no
// table.
#pragma once

#include "common/pq/connection.hpp"

namespace ardent::agent {

/// Commits one with the prefix model::k_heartbeat_prefix. Throws as Connection::exec.
void write_heartbeat(pq::Connection& connection);

}  // namespace ardent::agent
