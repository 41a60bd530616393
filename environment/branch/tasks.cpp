// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/tasks.hpp"

namespace ardent::environment {

Tasks::Tasks(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
        m_threads.emplace_back([this] { run(); });
    }
}

void Tasks::post(std::function<void()> task) {
    const std::lock_guard lock(m_mutex);
    if (!m_stopping) {
        m_waiting.push_back(std::move(task));
        m_changed.notify_one();
    }
}

void Tasks::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [this] { return m_stopping || !m_waiting.empty(); });
        if (m_stopping) {
            return;
        }
        const std::function<void()> task = std::move(m_waiting.front());
        m_waiting.pop_front();
        lock.unlock();
        task();
        lock.lock();
    }
}

void Tasks::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_waiting.clear();
        m_changed.notify_all();
    }
    for (std::thread& thread : m_threads) {
        if (thread.joinable()) {
            thread.join();
        }
    }
}

}  // namespace ardent::environment
