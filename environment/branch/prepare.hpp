// SPDX-License-Identifier: PostgreSQL
// Makes an independent database of a clone of a replica, before anybody can connect to it: nothing
// of the replica's own is left in it, what the replica had switched off is as at the source, and a
// role of its own may use it.
//
// One thread, over the local socket. Code of the source that has to run (a type's comparison, a
// table's index expressions while its sequence is looked after) runs as the branch's own role, who
// could run it anyway.
#pragma once

#include "common/model/lsn.hpp"
#include "environment/instance/instance.hpp"
#include "environment/state/records.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

/// What a branch was cut from, as the branch itself tells.
struct BranchOrigin {
    model::Lsn lsn;  // commit end LSN of the source's last transaction in it, or an idle position
    std::optional<std::string>
        commit_time;  // of the source; nullopt: no transaction since the copy
};

/// Who uses the branch. No superuser.
struct BranchRole {
    std::string name;
    std::string password;
};

struct BranchPlan {
    std::string database;
    BranchRole role;
    std::vector<DisabledTrigger> triggers;  // of the connector's record
    bool allow_stale = false;               // tables that wait for a copy will do
    std::vector<std::string> superusers;    // of the source
};

struct PreparedBranch {
    BranchOrigin origin;
    std::string warning;             // empty: no table in it waits for a copy
    std::vector<std::string> notes;  // what is not as at the source, in words for people
};

/// `branch` accepts connections of its superuser and of the branch's role over its socket, and
/// nobody else's. Throws base::Error (replica) when the clone is no whole replica: tables that wait
/// for a copy count, unless the plan allows them.
PreparedBranch prepare_branch(const Instance& branch, const BranchPlan& plan);

}  // namespace ardent::environment
