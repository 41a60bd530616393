// SPDX-License-Identifier: PostgreSQL
// The life of our replication slot. Functions on the caller's connections and thread.
#pragma once

#include "agent/source/agent_name.hpp"
#include "agent/source/resume.hpp"
#include "common/pq/connection.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ardent::agent {

SlotFacts read_slot(pq::Connection& connection, const std::string& name);

struct NewSlot {
    std::string name;
    std::string plugin;
    bool failover = false;  // only on a primary from 17 on
};

struct CreatedSlot {
    model::Lsn consistent_point;
    std::string snapshot;  // lives until the next command on the replication connection
};

/// CREATE_REPLICATION_SLOT with an exported snapshot. The server waits for every transaction that
/// writes, however long it takes: `waiting` is called after a few seconds and then every minute.
/// `go_on` is asked a few times a second; when it says no the command is cancelled, which leaves no
/// slot behind, and base::Error (transient) is thrown.
CreatedSlot create_slot(pq::Connection& replication, const NewSlot& slot,
                        const std::function<bool()>& go_on, const std::function<void()>& waiting);

/// No error when there is none. A slot that is in use is freed first (free_slot). Throws
/// base::Error: source when the slot is not ours (another plugin, another database), transient when
/// somebody uses it or a younger agent works for it.
void drop_slot(pq::Connection& connection, const std::string& name, const std::string& plugin,
               const std::string& database, const AgentName& own);

/// Waits until nobody uses the slot. What an earlier agent, or an earlier connection of this one,
/// left behind is ended after `patience`; any other client is left alone. Throws base::Error
/// (transient) that names who uses it still.
void free_slot(pq::Connection& connection, const std::string& name, const AgentName& own,
               std::chrono::milliseconds patience);

/// The walsender of an agent that started after this one and works for the same slot: "agent
/// host:pid, walsender …".
std::optional<std::string> younger_agent(pq::Connection& connection, const AgentName& own);

/// "pid 4711 (user app, application "shop", active, in its transaction for 00:03:12)" for each old
/// transaction that slot creation by the backend `walsender` may wait for, the one that it waits
/// for now first. Never a query's text.
std::vector<std::string> old_transactions(pq::Connection& connection, int walsender);

}  // namespace ardent::agent
