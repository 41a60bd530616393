// SPDX-License-Identifier: PostgreSQL
// The branches of this environment, their front door, and the operations on them. Any thread.
#pragma once

#include "environment/branch/branch.hpp"
#include "environment/branch/disk_watch.hpp"
#include "environment/branch/idempotency.hpp"
#include "environment/branch/journal.hpp"
#include "environment/branch/tasks.hpp"
#include "environment/connector/registry.hpp"
#include "environment/door/door.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ardent::environment {

/// Of a branch that is there.
enum class BranchAct { reset, suspend, resume };

struct BranchRequest {
    std::string connector_id;
    std::string name;
    std::string requested_name;
    bool is_protected = false;
    bool allow_stale = false;
    std::optional<std::int64_t> ttl;  // seconds; 0: never; nullopt: branch.default_ttl
    std::string key;                  // of create_once
    std::string hash;                 // of everything that was asked for under it
};

class Branches final : private DoorHost, private DiskWatchHost {
public:
    Branches(const Settings& settings, Store& store, Registry& registry);
    ~Branches() override;
    Branches(const Branches&) = delete;
    Branches& operator=(const Branches&) = delete;

    /// Reads the state: what an ended environment left half made is removed, deletions go on, the
    /// others listen, asleep.
    void load();

    struct Begun {
        OperationRecord operation;
        bool created = true;    // false: the branch was there, and nothing is to be waited for
        bool replayed = false;  // it is the answer to an earlier request under the same key
        bool stored = false;    // with the key of the request, if it had one
    };
    /// Waits some seconds for a connector that is not ready. Throws HttpError: 400 the name is
    /// none; 409 it is another branch's, or that branch differs; 422 there is nothing to cut from,
    /// no room, or a ttl that is beyond the largest.
    Begun create(const BranchRequest& request);
    /// The same under an idempotency key, which has been checked. Throws HttpError also: 409 the
    /// key is in flight; 422 it was used for another request.
    Begun create_once(const BranchRequest& request);
    /// Joins a removal that is under way. Works where the disk is full and the state takes nothing.
    /// Throws HttpError: 404; 409 it is protected.
    OperationRecord remove(const std::string& connector_id, const std::string& id);
    /// Nothing is left of failed ones but their reasons: they go with their connector.
    void forget_failed_of(const std::string& connector_id);

    /// Throws HttpError: 404; 409 another operation is under way; 422 it is not active, or there is
    /// nothing to cut from.
    OperationRecord act(const std::string& connector_id, const std::string& id, BranchAct act);
    /// Throws HttpError 404; 409 another operation is under way; 422 the ttl is beyond the largest.
    BranchView update(const std::string& connector_id, const std::string& id, BranchChange change);

    std::vector<BranchView> list(const std::string& connector_id) const;
    /// Throws HttpError 404.
    BranchView view(const std::string& connector_id, const std::string& id) const;
    std::optional<std::uint64_t> bytes(const std::string& connector_id,
                                       const std::string& id) const;
    /// nullopt: there is none.
    std::optional<BranchView> find_view(const std::string& id) const;
    /// An operation that the state has not taken yet. nullopt: it is in the state, or there is
    /// none.
    std::optional<OperationRecord> waiting_operation(const std::string& id) const {
        return m_journal.waiting(id);
    }
    /// True when branches of the connector are there, also such that are being made.
    bool any(const std::string& connector_id) const;
    std::optional<DoorActivity> activity(const std::string& id) const {
        return m_door.activity(id);
    }
    std::string connector_name(const std::string& connector_id) const;

    const BranchTls& tls() const noexcept { return m_tls; }

    /// Nothing new begins. Calls may still come.
    void close();
    /// Ends the work, closes the door and stops every server. Nobody calls any more: the HTTP
    /// server has stopped.
    void stop_servers(std::chrono::milliseconds patience);

private:
    using BranchPointer = std::shared_ptr<Branch>;

    void request_start(const std::string& branch, StartReason reason) override;
    std::vector<std::string> running_branches() const override;
    std::vector<std::string> stopped_for_disk() const override;
    std::optional<OwnBytes> measure(const std::string& branch,
                                    std::chrono::system_clock::time_point since) const override;
    void stop_for_disk(const std::string& branch, const std::string& reason) override;
    void end_disk_stop(const std::string& branch) override;
    void let_run(const BranchPointer& branch);
    void run_start(const BranchPointer& branch, StartReason reason);
    void start(const BranchPointer& branch);
    void run_create(const BranchPointer& branch, OperationRecord operation,
                    const CutSource& source);
    void run_remove(const BranchPointer& branch, OperationRecord operation);
    void run_act(const BranchPointer& branch, OperationRecord operation, BranchAct act,
                 const std::optional<CutSource>& source);
    void suspend(const BranchPointer& branch);
    void look_after(const BranchPointer& branch);
    void make_durable(const BranchPointer& branch);
    void refuse_while_busy(const std::string& id) const;
    void forget_failed(const BranchRequest& request);
    void forget(const std::vector<std::string>& ids);
    std::vector<BranchPointer> all() const;
    std::int64_t ttl_within(std::optional<std::int64_t> asked) const;
    bool may_go_on() const;
    void suspend_idle(const BranchPointer& branch);
    void note_activity(const BranchPointer& branch, std::chrono::seconds at_least);
    void begin(const BranchPointer& branch, const OperationRecord& operation);
    void finish(OperationRecord operation, const std::string& error);
    void look_for_idle();
    std::optional<Begun> join(const BranchRequest& request) const;
    CutSource await_source(const BranchRequest& request) const;
    void check_room() const;
    BranchRecord new_record(const BranchRequest& request, const CutSource& source);
    void listen(BranchRecord& record);
    void take_up(const BranchPointer& branch);
    void end_work();
    BranchPointer by_id(const std::string& id) const;
    std::optional<OperationRecord> under_way(const std::string& id) const;
    BranchPointer find(const std::string& connector_id, const std::string& id) const;
    BranchPointer by_name(const std::string& connector_id, const std::string& name) const;

    const Settings& m_settings;
    Store& m_store;
    Registry& m_registry;
    const BranchTls m_tls;
    CutQueue m_cuts;
    const DiskRoom m_room;
    const BranchGround m_ground;
    Journal m_journal;

    KeysInFlight m_keys;
    std::mutex m_beginning;      // one creation or removal begins at a time; taken before the other
    mutable std::mutex m_mutex;  // never held over SQL
    std::condition_variable m_changed;
    std::map<std::string, BranchPointer> m_branches;     // by id
    std::map<std::string, OperationRecord> m_under_way;  // by branch
    std::set<std::string> m_suspending;                  // to be stopped, if still nobody uses them
    std::atomic<bool> m_closing{false};
    Door m_door;
    // Creations and resets, whose scripts take their time, apart: nobody's start waits for them.
    Tasks m_makers;
    Tasks m_tasks;
    std::thread m_sleeper;
    DiskWatch m_watch;
};

/// 1 to 63 of lower-case letters, digits, hyphens.
bool is_branch_name(std::string_view name) noexcept;

}  // namespace ardent::environment
