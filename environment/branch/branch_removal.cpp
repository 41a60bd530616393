// SPDX-License-Identifier: PostgreSQL
// Branches go. What needs room on the disk, telling the state, comes last or may wait.
#include "environment/branch/branches.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/server/http.hpp"

namespace ardent::environment {

OperationRecord Branches::remove(const std::string& connector_id, const std::string& id) {
    const BranchPointer branch = find(connector_id, id);
    const std::lock_guard one(m_beginning);
    if (auto operation = under_way(id); operation && operation->type == "branch_delete") {
        return *std::move(operation);
    }
    if (branch->record().is_protected) {
        throw HttpError(409, "protected",
                        "Branch " + branch->record().name + " is protected: ardent branch update " +
                            branch->record().name + " --no-protect");
    }
    refuse_while_busy(id);
    OperationRecord operation = new_operation("branch_delete", id);
    branch->begin_removal();
    m_journal.keep(operation);
    m_door.close(id);
    begin(branch, operation);
    m_tasks.post([this, branch, operation] { run_remove(branch, operation); });
    return operation;
}

void Branches::run_remove(const BranchPointer& branch, OperationRecord operation) {
    const std::string id = operation.resource_id;
    try {
        operation.status = "running";
        m_journal.keep(operation);
        branch->remove([this] { return !m_closing; });
        m_watch.forget(id);
        {
            const std::lock_guard lock(m_mutex);
            m_branches.erase(id);
        }
        process::log_info("branch removed", {{"branch", id}});
        finish(operation, "");
    } catch (const std::exception& error) {
        process::log_error("branch cannot be removed", {{"branch", id}, {"error", error.what()}});
        finish(operation, error.what());
    }
}

// Its name may be used again, and nothing but the reason is left of it.
void Branches::forget_failed(const BranchRequest& request) {
    std::vector<std::string> failed;
    {
        const std::lock_guard lock(m_mutex);
        for (const auto& [id, branch] : m_branches) {
            const BranchRecord record = branch->record();
            if (record.connector_id == request.connector_id && record.name == request.name &&
                record.phase == BranchPhase::failed && !m_under_way.contains(id)) {
                failed.push_back(id);
            }
        }
    }
    forget(failed);
}

void Branches::forget_failed_of(const std::string& connector_id) {
    std::vector<std::string> failed;
    for (const BranchPointer& branch : all()) {
        const BranchRecord record = branch->record();
        if (record.connector_id == connector_id && record.phase == BranchPhase::failed) {
            failed.push_back(record.id);
        }
    }
    forget(failed);
}

void Branches::forget(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
        m_store.remove_branch(id);
        const std::lock_guard lock(m_mutex);
        m_branches.erase(id);
    }
}

}  // namespace ardent::environment
