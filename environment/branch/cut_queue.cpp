// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/cut_queue.hpp"

#include "environment/branch/stopwatch.hpp"

namespace ardent::environment {

std::vector<BranchStep> CutQueue::cut(const Instance& replica, const CutPlan& plan) {
    Lock lock(m_mutex);
    const auto next = m_lines[replica.data()].next;
    return next ? share(lock, next, plan) : lead(lock, replica, plan);
}

std::vector<BranchStep> CutQueue::lead(Lock& lock, const Instance& replica, const CutPlan& plan) {
    const auto cut = std::make_shared<SharedCut>();
    cut->base = plan.target;
    Line& line = m_lines[replica.data()];  // stays: whoever leads is the one who removes it
    line.next = cut;
    std::vector<BranchStep> steps;
    Stopwatch watch(steps);
    m_changed.wait(lock, [&] { return !line.cutting; });
    line.next.reset();
    line.cutting = true;
    lock.unlock();
    watch.lap("queue");
    try {
        cut->steps = cut_branch(replica, plan);
    } catch (...) {
        cut->failure = std::current_exception();
    }
    lock.lock();
    cut->ended = true;
    line.cutting = false;
    if (!line.next) {
        m_lines.erase(replica.data());
    }
    m_changed.notify_all();
    // The base becomes a branch of its own, on which a server starts, when nobody clones it any
    // more.
    m_changed.wait(lock, [&] { return cut->sharing == 0; });
    if (cut->failure) {
        std::rethrow_exception(cut->failure);
    }
    steps.insert(steps.end(), cut->steps.begin(), cut->steps.end());
    return steps;
}

std::vector<BranchStep> CutQueue::share(Lock& lock, const std::shared_ptr<SharedCut>& cut,
                                        const CutPlan& plan) {
    std::vector<BranchStep> steps;
    Stopwatch watch(steps);
    ++cut->sharing;
    m_changed.wait(lock, [&] { return cut->ended; });
    std::exception_ptr failure = cut->failure;
    lock.unlock();
    watch.lap("shared");
    if (!failure) {
        try {
            clone_cut(cut->base, plan);
        } catch (...) {
            failure = std::current_exception();
        }
        watch.lap("clone");
    }
    lock.lock();
    --cut->sharing;
    m_changed.notify_all();
    if (failure) {
        std::rethrow_exception(failure);
    }
    return steps;
}

}  // namespace ardent::environment
