// SPDX-License-Identifier: PostgreSQL
// Sets sequences of a replica to what those of the source stand at.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <map>
#include <string>
#include <vector>

namespace ardent::environment {

/// As ardent_apply, in transactions of their own that wait for no lock: what apply has locked is
/// left. Returns what could not be set, each with the reason. Sets the session's timeouts. Throws
/// base::Error (transient) when the connection broke.
std::map<model::RelationName, std::string> set_sequences(
    pq::Connection& apply, const std::vector<protocol::SequenceValue>& values);

}  // namespace ardent::environment
