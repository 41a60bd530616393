// SPDX-License-Identifier: PostgreSQL
// What is done with branches that are there.
#include "environment/branch/branches.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/server/http.hpp"

#include <ctime>

namespace ardent::environment {

namespace {

constexpr auto k_note_activity = std::chrono::minutes(5);

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
    m_journal.begin(operation);
    begin(branch, operation);
    Tasks& tasks = act == BranchAct::reset ? m_makers : m_tasks;
    tasks.post([this, branch, operation, act, source] { run_act(branch, operation, act, source); });
    return operation;
}

void Branches::run_act(const BranchPointer& branch, OperationRecord operation, BranchAct act,
                       const std::optional<CutSource>& source) {
    const std::string id = operation.resource_id;
    try {
        operation.status = "running";
        m_journal.keep(operation);
        if (act == BranchAct::suspend) {
            suspend(branch);
        } else if (act == BranchAct::resume) {
            let_run(branch);
            start(branch);
        } else {
            // One that was stopped for what it takes of the disk gives it back by this.
            const bool stopped = !branch->record().disk_stop.empty();
            branch->reset(
                *source, [this, stopped] { return stopped ? !m_closing : may_go_on(); },
                [&] { m_door.end_sessions(id); });
            m_watch.forget(id);
            branch->end_disk_stop();
            start(branch);
            make_durable(branch);
        }
        process::log_info(operation.type, {{"branch", id}});
        finish(operation, "");
    } catch (const std::exception& error) {
        process::log_error(operation.type, {{"branch", id}, {"error", error.what()}});
        finish(operation, m_room.explain(base::text_with_hint(error)));
        // Whoever waits at the door is served from what there is.
        request_start(id, StartReason::sleeping);
    }
}

void Branches::suspend(const BranchPointer& branch) {
    const std::string id = branch->record().id;
    bool in_use = false;
    branch->stop_if(k_branch_patience, [&] {
        const auto activity = m_door.activity(id);
        const bool sleeps = activity && activity->state == DoorState::sleeping;
        in_use = !m_door.try_close_for_suspend(id) && !sleeps;
        return !in_use;
    });
    if (in_use) {
        throw base::Error(base::ErrorKind::replica,
                          "clients are connected to the branch, or it is being started");
    }
}

BranchView Branches::update(const std::string& connector_id, const std::string& id,
                            BranchChange change) {
    const BranchPointer branch = find(connector_id, id);
    const std::lock_guard one(m_beginning);
    refuse_while_busy(id);
    if (change.ttl) {
        change.ttl = ttl_within(change.ttl);
    }
    branch->update(change);
    return branch->view();
}

// Each second: what has expired is deleted, what the state did not take is stored, what nobody uses
// is suspended.
void Branches::look_after(const BranchPointer& branch) {
    const BranchRecord record = branch->record();
    const bool active = record.phase == BranchPhase::active;
    if (m_closing) {
        return;
    }
    if (active && record.expires != 0 && !record.is_protected &&
        record.expires <= std::time(nullptr)) {
        process::log_info("branch expired", {{"branch", record.id}, {"name", record.name}});
        remove(record.connector_id, record.id);
        return;
    }
    branch->save_again();
    if (!active) {
        return;
    }
    note_activity(branch, k_note_activity);
    suspend_idle(branch);
}

// By a thread of its own, so that no other branch's expiry waits; asked once more there, for a
// client may have come.
void Branches::suspend_idle(const BranchPointer& branch) {
    const std::string id = branch->record().id;
    const std::optional<std::int64_t> own = branch->record().suspend_after;
    const std::chrono::milliseconds patience =
        own ? std::chrono::seconds(*own) : m_settings.branch.suspend_after;
    const auto is_idle = [this, id, patience] {
        const auto activity = m_door.activity(id);
        return activity && activity->state == DoorState::running && activity->idle &&
               *activity->idle >= patience;
    };
    if (patience.count() == 0 || !is_idle()) {
        return;
    }
    {
        const std::lock_guard lock(m_mutex);
        if (!m_suspending.insert(id).second) {
            return;
        }
    }
    m_tasks.post([this, branch, id, is_idle] {
        try {
            note_activity(branch, {});
            branch->stop_if(k_branch_patience, [&] {
                const bool closed = is_idle() && m_door.try_close_for_suspend(id);
                if (closed) {
                    process::log_info("branch suspended", {{"branch", id}});
                }
                return closed;
            });
        } catch (const std::exception& error) {
            process::log_warning("a branch cannot be suspended",
                                 {{"branch", id}, {"error", error.what()}});
        }
        const std::lock_guard lock(m_mutex);
        m_suspending.erase(id);
    });
}

// Kept so that a later environment knows of it; seldom, for each time is a write.
void Branches::note_activity(const BranchPointer& branch, std::chrono::seconds at_least) {
    const BranchRecord record = branch->record();
    const auto activity = m_door.activity(record.id);
    if (record.phase == BranchPhase::active && activity && activity->last_client) {
        const std::int64_t last = std::chrono::system_clock::to_time_t(*activity->last_client);
        if (last > record.last_activity && last - record.last_activity >= at_least.count()) {
            branch->note_activity(last);
        }
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
        m_journal.catch_up();
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
