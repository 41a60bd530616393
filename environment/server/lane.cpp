// SPDX-License-Identifier: PostgreSQL
#include "environment/server/lane.hpp"

#include <system_error>
#include <utility>

namespace ardent::environment {

bool Lane::submit(Job job) {
    const std::lock_guard lock(m_mutex);
    if (m_stopped || m_jobs.size() >= m_waiting) {
        return false;
    }
    if (m_jobs.size() >= m_idle && m_threads.size() < m_most) {
        try {
            m_threads.emplace_back([this] { run(); });
        } catch (const std::system_error&) {
            if (m_threads.empty()) {
                return false;
            }
        }
    }
    m_jobs.push_back(std::move(job));
    m_changed.notify_one();
    return true;
}

void Lane::stop() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(m_mutex);
        m_stopped = true;
        threads.swap(m_threads);
        m_changed.notify_all();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void Lane::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        ++m_idle;
        m_changed.wait(lock, [this] { return m_stopped || !m_jobs.empty(); });
        --m_idle;
        if (m_jobs.empty()) {
            return;
        }
        Job job = std::move(m_jobs.front());
        m_jobs.pop_front();
        lock.unlock();
        job();
        job = nullptr;  // what it holds goes before the next wait
        lock.lock();
    }
}

}  // namespace ardent::environment
