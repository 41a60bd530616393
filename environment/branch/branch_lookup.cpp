// SPDX-License-Identifier: PostgreSQL
// Which branches there are. Waits for nothing but measuring.
#include "environment/branch/branches.hpp"

#include "environment/server/http.hpp"

#include <algorithm>

namespace ardent::environment {

std::string Branches::connector_name(const std::string& connector_id) const {
    return m_registry.find(connector_id)->view().record.name;
}

Branches::BranchPointer Branches::find(const std::string& connector_id,
                                       const std::string& id) const {
    BranchPointer branch = by_id(id);
    if (!branch || branch->record().connector_id != connector_id) {
        throw HttpError(404, "not_found", "Branch not found");
    }
    return branch;
}

Branches::BranchPointer Branches::by_name(const std::string& connector_id,
                                          const std::string& name) const {
    const std::lock_guard lock(m_mutex);
    for (const auto& [id, branch] : m_branches) {
        const BranchRecord record = branch->record();
        if (record.connector_id == connector_id && record.name == name &&
            (record.phase == BranchPhase::creating || record.phase == BranchPhase::active)) {
            return branch;
        }
    }
    return {};
}

std::vector<Branches::BranchPointer> Branches::all() const {
    const std::lock_guard lock(m_mutex);
    std::vector<BranchPointer> all;
    for (const auto& [id, branch] : m_branches) {
        all.push_back(branch);
    }
    return all;
}

std::vector<BranchView> Branches::list(const std::string& connector_id) const {
    std::vector<BranchView> views;
    for (const BranchPointer& branch : all()) {
        if (branch->record().connector_id == connector_id) {
            views.push_back(branch->view());
        }
    }
    std::sort(views.begin(), views.end(), [](const BranchView& a, const BranchView& b) {
        return a.record.created_at < b.record.created_at;
    });
    return views;
}

BranchView Branches::view(const std::string& connector_id, const std::string& id) const {
    return find(connector_id, id)->view();
}

std::optional<std::uint64_t> Branches::bytes(const std::string& connector_id,
                                             const std::string& id) const {
    return find(connector_id, id)->bytes();
}

Branches::BranchPointer Branches::by_id(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_branches.find(id);
    return found == m_branches.end() ? nullptr : found->second;
}

std::optional<OperationRecord> Branches::under_way(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_under_way.find(id);
    return found == m_under_way.end() ? std::nullopt : std::optional(found->second);
}

std::optional<BranchView> Branches::find_view(const std::string& id) const {
    const BranchPointer branch = by_id(id);
    return branch ? std::optional(branch->view()) : std::nullopt;
}

bool Branches::any(const std::string& connector_id) const {
    const std::lock_guard lock(m_mutex);
    return std::any_of(m_branches.begin(), m_branches.end(), [&](const auto& item) {
        const BranchRecord record = item.second->record();
        return record.connector_id == connector_id && record.phase != BranchPhase::failed;
    });
}

}  // namespace ardent::environment
