// SPDX-License-Identifier: PostgreSQL
// Threads for handlers, which wait for servers and locks. Each kind of caller has a lane of its
// own, so that none takes the threads of another. Threads are made when they are needed and stay.
// `submit` from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ardent::environment {

class Lane {
public:
    using Job = std::function<void()>;  // does not throw

    Lane(std::size_t threads, std::size_t waiting) : m_most(threads), m_waiting(waiting) {}
    ~Lane() { stop(); }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// False when as many wait as may, or no thread can be made, or it is stopped.
    bool submit(Job job);
    /// Runs what waits, and joins.
    void stop();

private:
    void run();

    const std::size_t m_most;
    const std::size_t m_waiting;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Job> m_jobs;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    bool m_stopped = false;
};

}  // namespace ardent::environment
