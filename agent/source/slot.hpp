// SPDX-License-Identifier: PostgreSQL
// The life of our replication slot. Functions on the caller's connections and thread.
#pragma once

#include "agent/source/resume.hpp"
#include "common/pq/connection.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace ardent::agent {

SlotFacts read_slot(pq::Connection& connection, const std::string& name);

struct CreatedSlot {
    model::Lsn consistent_point;
    std::string snapshot;  // lives until the next command on the replication connection
};

/// CREATE_REPLICATION_SLOT with an exported snapshot. The server waits for every transaction that writes;
/// after `patience` this gives up with base::Error (transient) that names who is in the way (asked on
/// `connection`). `go_on` is asked a few times a second; when it says no, base::Error (transient).
CreatedSlot create_slot(pq::Connection& replication, pq::Connection& connection,
                        const std::string& name, const std::string& plugin,
                        std::chrono::milliseconds patience, const std::function<bool()>& go_on);

/// No error when there is none. A slot that is in use is freed first (free_slot).
/// Throws base::Error (source) when the slot is not ours: another plugin, another database.
void drop_slot(pq::Connection& connection, const std::string& name, const std::string& plugin,
               const std::string& database);

/// Waits until nobody uses the slot. A walsender of our own role that still holds it after `patience` is
/// ended: it is what an agent that crashed left behind. False when it is still in use then.
bool free_slot(pq::Connection& connection, const std::string& name,
               std::chrono::milliseconds patience);

/// "pid 4711 (app, since 3 min): INSERT …" for each old transaction that slot creation may wait for.
std::vector<std::string> old_transactions(pq::Connection& connection);

}  // namespace ardent::agent
