// SPDX-License-Identifier: PostgreSQL
// Slots that a standby takes over (PostgreSQL 17 and later): who gets one, and whom a stream waits
// for because of it. On the caller's connections and thread.
#pragma once

#include "agent/source/resume.hpp"
#include "common/pq/connection.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::agent {

/// True on a primary from 17 on that has standbys: a lasting physical slot, or a physical
/// walsender. Every role sees both.
bool wants_failover(pq::Connection& connection);

/// ALTER_REPLICATION_SLOT … (FAILOVER) when the slot, which must be inactive, is without and
/// standbys are there. What the server refuses is logged: without it the stream works as well.
/// `go_on` as in exec_while; throws when the connection is lost or `go_on` said no (both
/// transient).
void offer_failover(pq::Connection& replication, pq::Connection& connection, const SlotFacts& slot,
                    const std::function<bool()>& go_on);

/// "standby_1 does not exist", … for each name in synchronized_standby_slots that holds back the
/// slot's walsender now; empty when it is not held back.
std::vector<std::string> holding_back(pq::Connection& connection, const std::string& slot);

}  // namespace ardent::agent
