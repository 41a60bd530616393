// SPDX-License-Identifier: PostgreSQL
// Cuts the data directory of a branch from a running replica, which goes on meanwhile: apply waits
// for nothing but the disk. One thread; one cut of a replica at a time.
//
// How (every way tried on 13, 15, 17 and 18): a snapshot of Btrfs has one moment of all files, from
// which a server recovers as after a crash. Otherwise PostgreSQL's backup API stands around the
// clone of the files, and the label, the WAL between begin and end, and standby.signal go with it:
// the server recovers up to the end of the backup, which is consistent, and promotes itself
// (recovery_target = immediate). A label alone recovers too, but to no defined point, and
// PostgreSQL's developers have proposed to refuse it; recovery.signal wants a restore_command,
// which wants a shell.
#pragma once

#include "environment/instance/instance.hpp"
#include "environment/state/records.hpp"
#include "environment/volume/volume.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ardent::environment {

/// How this replica is cloned where `proven` works: one whose data directory is no subvolume,
/// because it was made before this file system's way was known, has no snapshot, and Btrfs shares
/// the blocks of its files all the same.
CloneMethod method_for(const Instance& replica, CloneMethod proven);

struct CutPlan {
    CloneMethod method = CloneMethod::copy;
    unsigned threads = 1;
    std::string target;  // the new data directory; must not exist
    std::function<bool()> go_on;
    std::function<void(std::uint64_t done, std::uint64_t all)> progress;
};

/// What it took. Throws base::Error; what was made of the target is removed then, as far as that
/// was possible.
std::vector<BranchStep> cut_branch(const Instance& replica, const CutPlan& plan);

/// A second branch of files that cut_branch has made and on which no server has run. Throws as
/// cut_branch does.
void clone_cut(const std::string& base, const CutPlan& plan);

/// What a server needs to come up on a cut and to be a small one, over its other settings.
std::map<std::string, std::string> settings_of_branch();

}  // namespace ardent::environment
