// SPDX-License-Identifier: PostgreSQL
// What is done with branches that are there.
#include "environment/branch/branches.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/server/http.hpp"

#include <ctime>

namespace ardent::environment {

namespace {

const char* operation_type(BranchAct act) {
    switch (act) {
    case BranchAct::reset:
        return "branch_reset";
    case BranchAct::suspend:
        return "branch_suspend";
    case BranchAct::resume:
        return "branch_resume";
    }
    return "branch_resume";
}

}  // namespace

void Branches::refuse_while_busy(const std::string& id) const {
    if (const auto operation = under_way(id)) {
        throw HttpError(409, "busy",
                        "Another operation on the branch is under way: " + operation->type + " " +
                            operation->id);
    }
}

OperationRecord Branches::act(const std::string& connector_id, const std::string& id,
                              BranchAct act) {
    const BranchPointer branch = find(connector_id, id);
    std::optional<CutSource> source;
    if (act == BranchAct::reset) {
        source = await_source({.connector_id = connector_id});
    }
    const std::lock_guard one(m_beginning);
    if (auto operation = under_way(id); operation && operation->type == operation_type(act)) {
        return *std::move(operation);
    }
    refuse_while_busy(id);
    if (branch->record().phase != BranchPhase::active) {
        throw HttpError(422, "not_active",
                        "The branch is " + std::string(to_string(branch->record().phase)));
    }
    OperationRecord operation = new_operation(operation_type(act), id);
    m_store.save(operation);
    begin(branch, operation);
    m_tasks.post(
        [this, branch, operation, act, source] { run_act(branch, operation, act, source); });
    return operation;
}

void Branches::run_act(const BranchPointer& branch, OperationRecord operation, BranchAct act,
                       const std::optional<CutSource>& source) {
    const std::string id = operation.resource_id;
    try {
        operation.status = "running";
        m_store.save(operation);
        if (act == BranchAct::suspend) {
            suspend(branch);
        } else if (act == BranchAct::resume) {
            branch->start();
            m_door.started(id, {branch->opener_socket()});
        } else {
            branch->reset(
                *source, [this] { return !m_closing; }, [&] { m_door.end_sessions(id); });
            branch->start();
            m_door.started(id, {branch->opener_socket()});
            make_durable(branch);
        }
        process::log_info(operation.type, {{"branch", id}});
        finish(operation, "");
    } catch (const std::exception& error) {
        process::log_error(operation.type, {{"branch", id}, {"error", error.what()}});
        finish(operation, error.what());
        // Whoever waits at the door is served from what there is.
        request_start(id, StartReason::sleeping);
    }
}

void Branches::suspend(const BranchPointer& branch) {
    const std::string id = branch->record().id;
    if (!m_door.try_close_for_suspend(id)) {
        const auto activity = m_door.activity(id);
        if (activity && activity->state == DoorState::sleeping) {
            return;
        }
        throw base::Error(base::ErrorKind::replica,
                          "clients are connected to the branch, or it is being started");
    }
    branch->stop(k_branch_patience);
}

BranchView Branches::update(const std::string& connector_id, const std::string& id,
                            std::optional<std::int64_t> ttl, std::optional<bool> is_protected) {
    const BranchPointer branch = find(connector_id, id);
    const std::lock_guard one(m_beginning);
    refuse_while_busy(id);
    branch->update(ttl ? std::optional(expiry_after(*ttl)) : std::nullopt, is_protected);
    return branch->view();
}

// Each second: what has expired is deleted, what nobody uses is suspended.
void Branches::look_after(const BranchPointer& branch) {
    const BranchRecord record = branch->record();
    if (record.phase != BranchPhase::active || m_closing) {
        return;
    }
    if (record.expires != 0 && !record.is_protected && record.expires <= std::time(nullptr)) {
        process::log_info("branch expired", {{"branch", record.id}, {"name", record.name}});
        remove(record.connector_id, record.id);
        return;
    }
    const auto patience = m_settings.branch.suspend_after;
    const auto activity = m_door.activity(record.id);
    if (patience.count() > 0 && activity && activity->state == DoorState::running &&
        activity->idle && *activity->idle >= patience && m_door.try_close_for_suspend(record.id)) {
        process::log_info("branch suspended", {{"branch", record.id}});
        branch->stop(k_branch_patience);
    }
}

// Polled, because these are matters of seconds and minutes.
void Branches::look_for_idle() {
    std::unique_lock lock(m_mutex);
    while (!m_closing) {
        m_changed.wait_for(lock, std::chrono::seconds(1));
        std::vector<BranchPointer> all;
        for (const auto& [id, branch] : m_branches) {
            if (!m_under_way.contains(id)) {
                all.push_back(branch);
            }
        }
        lock.unlock();
        for (const BranchPointer& branch : all) {
            try {
                look_after(branch);
            } catch (const base::Error& error) {
                process::log_warning("a branch cannot be looked after",
                                     {{"branch", branch->record().id}, {"error", error.what()}});
            }
        }
        lock.lock();
    }
}

}  // namespace ardent::environment
