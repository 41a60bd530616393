// SPDX-License-Identifier: PostgreSQL
#include "agent/source/heartbeat.hpp"

#include "common/model/change.hpp"

namespace ardent::agent {

void write_heartbeat(pq::Connection& connection) {
    connection.exec("SELECT pg_catalog.pg_logical_emit_message(true, $1, '')",
                    {model::k_heartbeat_prefix});
}

}  // namespace ardent::agent
