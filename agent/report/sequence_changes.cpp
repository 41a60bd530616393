// SPDX-License-Identifier: PostgreSQL
#include "agent/report/sequence_changes.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace ardent::agent {

protocol::SequenceReport SequenceChanges::report(SequenceLook look) {
    protocol::SequenceReport report;
    report.session = m_session;
    report.number = ++m_number;
    report.lsn = look.lsn;
    report.unreadable = std::move(look.unreadable);
    std::set<model::RelationName> there(look.busy.begin(), look.busy.end());
    for (protocol::SequenceValue& value : look.values) {
        there.insert(value.name);
        const auto known = m_known.find(value.name);
        if (known == m_known.end() || known->second.last_value != value.last_value ||
            known->second.called != value.called) {
            report.values.push_back(std::move(value));
        }
    }
    for (const auto& [name, value] : m_known) {
        if (!there.contains(name)) {
            report.gone.push_back(name);
        }
    }
    return report;
}

void SequenceChanges::acknowledged(const protocol::SequenceReport& report) {
    for (const model::RelationName& name : report.gone) {
        m_known.erase(name);
    }
    for (const protocol::SequenceValue& value : report.values) {
        m_known[value.name] = {value.last_value, value.called};
    }
}

std::vector<model::RelationName> SequenceChanges::newly_unreadable(
    const protocol::SequenceReport& report) {
    return std::exchange(m_unreadable, report.unreadable) != report.unreadable
               ? report.unreadable
               : std::vector<model::RelationName>{};
}

}  // namespace ardent::agent
