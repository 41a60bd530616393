// SPDX-License-Identifier: PostgreSQL
// What one session's agent said about the sequences of the source: reports that the replica has not
// come up to yet, what the others come down to, and which of it the replica has not got. A value is
// kept after it was set, for DDL that is replayed later (ALTER SEQUENCE … RESTART) may take it away
// again. Pure; the caller locks.
#pragma once

#include "common/protocol/messages.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ardent::environment {

/// What could not be set, with the reason.
using SequenceTroubles = std::map<model::RelationName, std::string>;

struct SequenceState {
    std::size_t followed = 0;
    std::size_t pending = 0;                    // known, and not in the replica yet
    std::chrono::steady_clock::duration age{};  // of the newest report that the replica has
    SequenceTroubles stuck;  // could not be set several times; not all when there are many
};

class SequenceLedger {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// False for a report that came before.
    bool take(const protocol::SequenceReport& report, Time now);

    /// Makes what the replica has come up to due, with what could not be set before; with all there
    /// is when `ddl`, a count of the DDL that was replayed, is another than at the last report that
    /// was reached.
    void reach(model::Lsn durable, std::uint64_t ddl);
    std::vector<protocol::SequenceValue> due() const;
    /// What was due was tried.
    void settle(const std::vector<protocol::SequenceValue>& tried,
                const SequenceTroubles& troubles);

    /// nullopt before the first report was settled.
    std::optional<SequenceState> state(Time now) const;

private:
    struct Value {
        std::int64_t last_value = 0;
        bool called = true;
    };
    struct Waiting {
        model::Lsn lsn;
        Time arrived;
        std::map<model::RelationName, Value> values;
        std::set<model::RelationName> gone;
    };
    struct Pending {
        unsigned tries = 0;
        std::string why;
    };

    void merge(const Waiting& report);

    std::uint64_t m_number = 0;
    std::deque<Waiting> m_waiting;
    std::map<model::RelationName, Value> m_values;
    std::set<model::RelationName> m_due;
    std::map<model::RelationName, Pending> m_pending;
    std::uint64_t m_ddl = 0;
    std::optional<Time> m_reached;  // when the newest report that was reached had arrived
    std::optional<Time> m_settled;
};

}  // namespace ardent::environment
