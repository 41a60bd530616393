// SPDX-License-Identifier: PostgreSQL
// The decision before START_REPLICATION (invariant 9), as a pure function over facts: may we stream
// from the environment's durable position, or is something there that would be lost silently? The
// server forwards a start position that is older than the slot without a word, so nobody else would
// notice.
#pragma once

#include "common/model/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::agent {

/// Of pg_replication_slots.
struct SlotFacts {
    std::string name;
    bool exists = false;
    std::string plugin;
    std::string type;      // "logical", "physical"
    std::string database;  // empty for a physical one
    bool active = false;
    bool temporary = false;
    bool failover = false;  // standbys fetch it (17+)
    bool synced =
        false;  // it was fetched from a primary, of which this server is or was a standby (17+)
    std::optional<int> active_pid;
    std::optional<model::Lsn> restart_lsn;
    std::optional<model::Lsn> confirmed_flush;
    std::optional<std::string> wal_status;  // "reserved", "extended", "unreserved", "lost"
    std::optional<std::string>
        invalidated;  // why: invalidation_reason (17+), or "conflicting" (16+)
};

/// One line of a timeline history file: that timeline ended at `end` and the next one began there.
struct TimelineSwitch {
    std::uint32_t timeline = 0;
    model::Lsn end;
};

struct ResumeFacts {
    // The source, now.
    std::string system_identifier;
    std::uint32_t timeline = 0;
    model::Lsn wal_end;  // flushed; nothing beyond was ever sent
    std::string database;
    SlotFacts slot;
    std::vector<TimelineSwitch> history;  // of the source's timeline; empty when it is 1
    // What the environment said.
    std::optional<std::string> replica_system_identifier;
    std::optional<std::uint32_t> replica_timeline;
    std::optional<model::Lsn> durable;
    // What we were told to use.
    std::string plugin;
};

struct Refusal {
    std::string message;
    std::string hint;
};

/// nullopt: stream from `durable`.
std::optional<Refusal> refuse_to_resume(const ResumeFacts& facts);

/// Why a slot with these facts cannot be streamed from, whatever the position. Used by the check
/// command too.
std::optional<Refusal> unusable_slot(const SlotFacts& slot, const std::string& plugin,
                                     const std::string& database);

/// Reads a history file (access/transam/timeline.c: "tli <white space> lsn <white space> reason", #
/// begins a comment). Lines that are none are left out.
std::vector<TimelineSwitch> parse_timeline_history(std::string_view text);

}  // namespace ardent::agent
