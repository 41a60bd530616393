// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/early_rows.hpp"

#include "environment/apply/failed.hpp"

namespace ardent::apply {

void EarlyRows::note(const model::Change& change) {
    m_first.try_emplace({std::string(change.schema), std::string(change.table)}, change.lsn);
}

void EarlyRows::settle(const std::function<const TargetTable*(const model::RelationName&)>& read) {
    for (auto one = m_first.begin(); one != m_first.end();) {
        const TargetTable* const table = read(one->first);
        if (table != nullptr && table->followed) {
            throw no_table(one->first, one->second);
        }
        one = table == nullptr ? std::next(one) : m_first.erase(one);
    }
}

void EarlyRows::require_none() const {
    if (!m_first.empty()) {
        throw no_table(m_first.begin()->first, m_first.begin()->second);
    }
}

}  // namespace ardent::apply
