// SPDX-License-Identifier: PostgreSQL
// Threads for work that may wait: a branch's server starts, files are cloned. Any thread may post;
// nothing that was posted is dropped while it runs, and `stop` waits for what has begun.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ardent::environment {

class Tasks {
public:
    explicit Tasks(unsigned threads);
    ~Tasks() { stop(); }
    Tasks(const Tasks&) = delete;
    Tasks& operator=(const Tasks&) = delete;

    /// `task` must not throw. After `stop` nothing is taken.
    void post(std::function<void()> task);
    /// What has not begun is forgotten. Idempotent.
    void stop();

private:
    void run();

    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<std::function<void()>> m_waiting;
    bool m_stopping = false;
    std::vector<std::thread> m_threads;
};

}  // namespace ardent::environment
