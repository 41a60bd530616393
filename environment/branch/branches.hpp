// SPDX-License-Identifier: PostgreSQL
// The branches of this environment, their front door, and the operations on them. Any thread.
#pragma once

#include "environment/branch/branch.hpp"
#include "environment/branch/tasks.hpp"
#include "environment/connector/registry.hpp"
#include "environment/door/door.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
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
    std::int64_t ttl = 0;  // seconds; 0: never
};

class Branches final : private DoorHost {
public:
    Branches(const Settings& settings, Store& store, Registry& registry);
    ~Branches() override;
    Branches(const Branches&) = delete;
    Branches& operator=(const Branches&) = delete;

    /// Reads the state: what an ended environment left half made is removed, deletions go on, the others listen, asleep.
    void load();

    struct Begun {
        OperationRecord operation;
        bool created = true;  // false: the branch was there, and nothing is to be waited for
    };
    /// Waits some seconds for a connector that is not ready. Throws HttpError: 400 the name is none; 409 it is another
    /// branch's; 422 there is nothing to cut from, or no room.
    Begun create(const BranchRequest& request);
    /// Joins a removal that is under way. Throws HttpError: 404; 409 it is protected.
    OperationRecord remove(const std::string& connector_id, const std::string& id);

    /// Throws HttpError: 404; 409 another operation is under way; 422 it is not active, or there is nothing to cut from.
    OperationRecord act(const std::string& connector_id, const std::string& id, BranchAct act);
    /// `ttl` from now on. Throws HttpError 404; 409 another operation is under way.
    BranchView update(const std::string& connector_id, const std::string& id,
                      std::optional<std::int64_t> ttl, std::optional<bool> is_protected);

    std::vector<BranchView> list(const std::string& connector_id) const;
    /// Throws HttpError 404.
    BranchView view(const std::string& connector_id, const std::string& id) const;
    std::optional<std::uint64_t> bytes(const std::string& connector_id,
                                       const std::string& id) const;
    /// nullopt: there is none.
    std::optional<BranchView> find_view(const std::string& id) const;
    /// True when branches of the connector are there, also such that are being made.
    bool any(const std::string& connector_id) const;
    std::optional<DoorActivity> activity(const std::string& id) const {
        return m_door.activity(id);
    }
    std::string connector_name(const std::string& connector_id) const;

    const BranchTls& tls() const noexcept { return m_tls; }

    /// Nothing new begins. Calls may still come.
    void close();
    /// Ends the work, closes the door and stops every server. Nobody calls any more: the HTTP server has stopped.
    void stop_servers(std::chrono::milliseconds patience);

private:
    using BranchPointer = std::shared_ptr<Branch>;

    void request_start(const std::string& branch, StartReason reason) override;
    void run_start(const BranchPointer& branch, StartReason reason);
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
    const BranchGround m_ground;

    std::mutex m_beginning;      // one creation or removal begins at a time; taken before the other
    mutable std::mutex m_mutex;  // never held over SQL
    std::condition_variable m_changed;
    std::map<std::string, BranchPointer> m_branches;     // by id
    std::map<std::string, OperationRecord> m_under_way;  // by branch
    std::atomic<bool> m_closing{false};
    Door m_door;
    // Creations and resets, whose scripts take their time, apart: nobody's start waits for them.
    Tasks m_makers;
    Tasks m_tasks;
    std::thread m_sleeper;
};

/// 1 to 63 of lower-case letters, digits, hyphens.
bool is_branch_name(std::string_view name) noexcept;

/// Seconds since 1970, `ttl` seconds from now; 0 for 0, which is never.
std::int64_t expiry_after(std::int64_t ttl) noexcept;

}  // namespace ardent::environment
