// SPDX-License-Identifier: PostgreSQL
// The cuts of all replicas, one at a time for each. Those that were asked for while another one was
// under way share the next cut: one checkpoint and one walk over the running replica make one set
// of files, and every other branch is a clone of these, which stand still. So 50 branches at once
// cost the replica two cuts.
//
// A branch is never older than its request: nobody joins a cut that has begun. Any thread.
#pragma once

#include "environment/branch/cut.hpp"

#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ardent::environment {

class CutQueue {
public:
    /// As cut_branch, which this calls for the first of those that share a cut. The steps begin
    /// with "queue", the time until the cut began, or "shared", the time until the files to be
    /// cloned stood there. Plans for one replica have one method.
    std::vector<BranchStep> cut(const Instance& replica, const CutPlan& plan);

private:
    struct SharedCut {
        std::string base;  // what the others clone; nobody starts a server on it before they have
        std::vector<BranchStep> steps;
        std::exception_ptr failure;
        bool ended = false;
        unsigned sharing = 0;  // that wait for it or clone it, without the one that cuts
    };

    struct Line {
        bool cutting = false;
        std::shared_ptr<SharedCut> next;  // whoever comes now shares it; null: nobody waits
    };

    using Steps = std::vector<BranchStep>;
    using Lock = std::unique_lock<std::mutex>;

    Steps lead(Lock& lock, const Instance& replica, const CutPlan& plan);
    Steps share(Lock& lock, const std::shared_ptr<SharedCut>& cut, const CutPlan& plan);

    std::mutex m_mutex;  // not held while anything is cut or cloned
    std::condition_variable m_changed;
    std::map<std::string, Line> m_lines;  // by the replica's data directory; only where one is used
};

}  // namespace ardent::environment
