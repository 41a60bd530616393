// SPDX-License-Identifier: PostgreSQL
// Who the source is, read anew at every connect. Functions on the caller's connections and thread.
#pragma once

#include "agent/source/resume.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <chrono>
#include <vector>

namespace ardent::agent {

/// IDENTIFY_SYSTEM on the replication connection, the rest on the other one.
protocol::SourceIdentity read_identity(pq::Connection& replication, pq::Connection& connection);

/// False when the source was promoted after `identity` was read: hello has told a timeline that is
/// no more. Throws base::Error (transient) while a server is in recovery that cannot decode there,
/// or not from a slot that is synced.
bool timeline_is_final(const protocol::SourceIdentity& identity, const SlotFacts& slot,
                       pq::Connection& replication, pq::Connection& connection);

/// Up to where the source's WAL is flushed: IDENTIFY_SYSTEM's xlogpos.
model::Lsn read_wal_end(pq::Connection& replication);

/// TIMELINE_HISTORY of the source's timeline; empty for timeline 1, which has none.
std::vector<TimelineSwitch> read_timeline_history(pq::Connection& replication,
                                                  std::uint32_t timeline);

/// After how long without a word from us the server ends the walsender; nullopt: never.
std::optional<std::chrono::milliseconds> wal_sender_timeout(pq::Connection& connection);

}  // namespace ardent::agent
