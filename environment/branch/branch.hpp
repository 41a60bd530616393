// SPDX-License-Identifier: PostgreSQL
// One branch: its record, its data directory, its server. What may wait (making, starting,
// stopping, removing) runs on the threads of Branches, one at a time for each branch; views wait
// for none of it.
//
// Order, so that whatever is killed when, nothing half made is ever taken for a branch: the record
// comes first (creating), then files below a folder that is named by the id; the record becomes
// `active` once the server was prepared. A deletion sets `deleting` first and removes the record
// last. Where the disk is full, the state may take neither: so a deletion first removes the file
// `initialised`, which needs no room and marks the branch as one that is being deleted, then its
// other files, and the state is told as soon as it can be.
#pragma once

#include "environment/branch/branch_tls.hpp"
#include "environment/branch/cut_queue.hpp"
#include "environment/branch/disk_room.hpp"
#include "environment/config/settings.hpp"
#include "environment/connector/connector.hpp"
#include "environment/instance/instance.hpp"
#include "environment/state/store.hpp"
#include "environment/volume/volume.hpp"

#include <cstdint>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace ardent::environment {

/// What the branches of an environment share. Outlives them.
struct BranchGround {
    const Settings& settings;
    Store& store;
    const BranchTls& tls;
    CutQueue& cuts;
    const DiskRoom& room;
};

/// How long a server of a branch may take for its fast shutdown.
inline constexpr auto k_branch_patience = std::chrono::seconds(30);

/// What an operator changes of a branch that is there; what is not given stays as it is.
struct BranchChange {
    std::optional<std::int64_t> ttl;  // seconds from now on; 0: never
    std::optional<bool> is_protected;
    /// Seconds; 0: never; nullopt within: branch.suspend_after.
    std::optional<std::optional<std::int64_t>> suspend_after;
};

/// Seconds since 1970, `ttl` seconds from now; 0 for 0, which is never.
std::int64_t expiry_after(std::int64_t ttl) noexcept;

struct BranchView {
    BranchRecord record;
    bool running = false;
    std::string url;  // empty while it is not active; has the password
};

class Branch {
public:
    /// `record` is stored already.
    Branch(const BranchGround& ground, BranchRecord record);

    BranchRecord record() const;
    BranchView view() const;
    /// On disk, not shared with the replica or another branch. Walks all files. nullopt: they
    /// cannot be read, which the log says.
    std::optional<std::uint64_t> bytes() const;
    /// The same without its WAL, which comes and goes within bounds that it has already, and what
    /// of it was written since.
    std::optional<OwnBytes> lasting_bytes(std::chrono::system_clock::time_point since = {}) const;

    /// Cuts it, prepares it and lets it serve. Throws base::Error; the record is `failed` then,
    /// with the reason, and nothing else of it is left.
    void make(const CutSource& source, const std::function<bool()>& go_on);
    /// Its server accepts connections when it calls `serve`, and no stop_if comes before `serve`
    /// has returned: clients are let in to a server that runs. Throws base::Error, with the
    /// SQLSTATE 53100 when it may not run for its use of the disk.
    void start(const std::function<void()>& serve);
    /// What was cut is on disk for certain when it returns, if its server runs. Throws base::Error.
    void ensure_durable();
    void stop(std::chrono::milliseconds patience);
    /// Stops it when `may` says so, which is asked when nothing else goes on with the branch and no
    /// start can come between.
    void stop_if(std::chrono::milliseconds patience, const std::function<bool()>& may);
    /// It may not run from now on, for that reason, and its server is stopped at once, whatever
    /// goes on with the branch.
    void stop_for_disk(const std::string& reason, std::chrono::milliseconds patience);
    void end_disk_stop();
    /// Cuts it anew from the newest data; the old data serve until the new are there.
    /// `hold_clients` is called before the server is stopped. Throws base::Error: the branch is
    /// what it was then.
    void reset(const CutSource& source, const std::function<bool()>& go_on,
               const std::function<void()>& hold_clients);
    /// What a reset that was interrupted left: back to the old data, or on to the new ones where
    /// they were prepared. A server that outlived the environment meanwhile is stopped.
    void settle_reset();
    void update(const BranchChange& wanted);
    /// The last time of a client, seconds since 1970.
    void note_activity(std::int64_t last);
    /// The server is ended, its files are removed, and so is the record, which is tried again for a
    /// minute, for the state's server may only come up once there is room. Throws base::Error; to
    /// be called again then.
    void remove(const std::function<bool()>& go_on);
    /// From now on, also for a later environment, it is one that is being deleted. Needs no room on
    /// the disk.
    void begin_removal();
    /// True after begin_removal, whatever the state says.
    bool removal_begun() const;
    /// Stores what the state did not take when it was so.
    void save_again();
    /// Why an active branch does not serve, for its view, until it is started next.
    void note_trouble(const std::string& trouble);
    /// What an environment that ended left half made is removed, and the reason becomes its
    /// failure.
    void give_up(const std::string& reason);

    /// True when its server lives.
    bool running() const;
    /// Empty before it was started.
    std::string opener_socket() const;

private:
    InstanceSpec spec(bool prepared) const;
    std::shared_ptr<Instance> instance() const;
    std::optional<OwnBytes> measure(std::chrono::system_clock::time_point since,
                                    const LeaveOut& leave_out) const;
    void change(const std::function<void(BranchRecord&)>& act);
    void change_anyway(const std::function<void(BranchRecord&)>& act);
    std::string directory() const;
    std::vector<BranchStep> clone_replica(const CutSource& source, const std::string& target,
                                          const std::function<bool()>& go_on) const;
    BranchRecord prepare(Instance& server, const CutSource& source, std::vector<BranchStep> steps,
                         const std::function<bool()>& go_on);
    void settle();
    void remove_files();
    void make_durable();

    const BranchGround& m_ground;
    std::mutex m_life;           // one operation at a time; taken before the other
    std::mutex m_changing;       // one change of the record at a time; before m_mutex
    mutable std::mutex m_mutex;  // never held over SQL
    BranchRecord m_record;
    bool m_unsaved = false;  // the state has an older record
    std::string m_trouble;   // why its server does not start; empty: it does
    std::shared_ptr<Instance> m_instance;
};

/// ERRCODE_DISK_FULL: what clients of a branch are told that may not run for its use of the disk.
inline constexpr const char* k_disk_full = "53100";

/// postgresql://role:password@host:port/database?parameters
std::string branch_url(const std::string& host, const BranchRecord& record,
                       const std::string& parameters);

}  // namespace ardent::environment
