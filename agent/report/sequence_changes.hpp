// SPDX-License-Identifier: PostgreSQL
// What the environment has to be told about the sequences, given what it knows already. Pure; one
// thread at a time.
#pragma once

#include "agent/source/sequences.hpp"

#include <map>
#include <string>
#include <vector>

namespace ardent::agent {

class SequenceChanges {
public:
    explicit SequenceChanges(std::string session) : m_session(std::move(session)) {}

    /// What is other than in the reports that were acknowledged; at first that is everything. One
    /// that is busy stays as it is known; one that may not be read any more is gone.
    protocol::SequenceReport report(SequenceLook look);
    void acknowledged(const protocol::SequenceReport& report);

    /// The unreadable ones when there are other ones than at the last call.
    std::vector<model::RelationName> newly_unreadable(const protocol::SequenceReport& report);

private:
    struct Known {
        std::int64_t last_value = 0;
        bool called = true;
    };

    const std::string m_session;
    std::uint64_t m_number = 0;
    std::map<model::RelationName, Known> m_known;
    std::vector<model::RelationName> m_unreadable;
};

}  // namespace ardent::agent
