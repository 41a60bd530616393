// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/sequence_ledger.hpp"

#include <utility>

namespace ardent::environment {

namespace {

// A replica that is behind gets the values of each report when it comes to it; one that is far
// behind fewer of them.
constexpr std::size_t k_most_waiting = 64;
constexpr unsigned k_tries = 3;
constexpr std::size_t k_most_named = 20;

}  // namespace

bool SequenceLedger::take(const protocol::SequenceReport& report, Time now) {
    if (report.number <= m_number) {
        return false;
    }
    m_number = report.number;
    if (m_waiting.size() < k_most_waiting) {
        m_waiting.emplace_back();
    }
    Waiting& last = m_waiting.back();
    last.lsn = report.lsn;
    last.arrived = now;
    for (const model::RelationName& name : report.gone) {
        last.values.erase(name);
        last.gone.insert(name);
    }
    for (const protocol::SequenceValue& value : report.values) {
        last.gone.erase(value.name);
        last.values.insert_or_assign(value.name, Value{value.last_value, value.called});
    }
    return true;
}

void SequenceLedger::merge(const Waiting& report) {
    for (const model::RelationName& name : report.gone) {
        m_values.erase(name);
        m_due.erase(name);
        m_pending.erase(name);
    }
    for (const auto& [name, value] : report.values) {
        m_values.insert_or_assign(name, value);
        m_due.insert(name);
    }
}

void SequenceLedger::reach(model::Lsn durable, std::uint64_t ddl) {
    bool reached = false;
    while (!m_waiting.empty() && m_waiting.front().lsn <= durable) {
        merge(m_waiting.front());
        m_reached = m_waiting.front().arrived;
        m_waiting.pop_front();
        reached = true;
    }
    if (!reached) {
        return;
    }
    for (const auto& [name, pending] : m_pending) {
        m_due.insert(name);
    }
    if (std::exchange(m_ddl, ddl) != ddl) {
        for (const auto& [name, value] : m_values) {
            m_due.insert(name);
        }
    }
    if (m_due.empty()) {
        m_settled = m_reached;
    }
}

std::vector<protocol::SequenceValue> SequenceLedger::due() const {
    std::vector<protocol::SequenceValue> values;
    values.reserve(m_due.size());
    for (const model::RelationName& name : m_due) {
        const Value& value = m_values.at(name);
        values.push_back({name, value.last_value, value.called});
    }
    return values;
}

void SequenceLedger::settle(const std::vector<protocol::SequenceValue>& tried,
                            const SequenceTroubles& troubles) {
    for (const protocol::SequenceValue& value : tried) {
        m_due.erase(value.name);
        const auto trouble = troubles.find(value.name);
        if (trouble == troubles.end()) {
            m_pending.erase(value.name);
        } else if (m_values.contains(value.name)) {
            Pending& pending = m_pending[value.name];
            ++pending.tries;
            pending.why = trouble->second;
        }
    }
    if (m_due.empty()) {
        m_settled = m_reached;
    }
}

std::optional<SequenceState> SequenceLedger::state(Time now) const {
    if (!m_settled) {
        return std::nullopt;
    }
    SequenceState state;
    state.followed = m_values.size();
    state.pending = m_pending.size();
    state.age = now - *m_settled;
    for (const auto& [name, pending] : m_pending) {
        if (pending.tries >= k_tries && state.stuck.size() < k_most_named) {
            state.stuck.emplace(name, pending.why);
        }
    }
    return state;
}

}  // namespace ardent::environment
