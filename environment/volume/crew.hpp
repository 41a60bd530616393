// SPDX-License-Identifier: PostgreSQL
// Threads that work on what one thread hands them. Private to environment/volume.
#pragma once

#include "common/base/bounded_queue.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace ardent::environment::volume {

/// With one thread or none the caller does the work itself. The first exception of a thread ends
/// all of them, and comes out of `hand` or `finish`. The destructor waits for the threads; what
/// still waits in the queue is then dropped.
template <class Item>
class Crew {
public:
    using Work = std::function<void(Item&)>;

    /// `make_work` is called once for each thread, by the caller's.
    Crew(unsigned threads, const std::function<Work()>& make_work) : m_queue(k_most_waiting) {
        if (threads <= 1) {
            m_own = make_work();
            return;
        }
        try {
            m_threads.reserve(threads);
            for (unsigned i = 0; i < threads; ++i) {
                m_threads.emplace_back([this, work = make_work()] { run(work); });
            }
        } catch (const std::system_error& error) {
            end();  // those that could be started; no destructor runs for half a crew
            throw base::Error(base::ErrorKind::transient,
                              std::string("cannot start a thread: ") + error.what());
        }
    }
    ~Crew() {
        m_queue.close();
        m_queue.clear();
        end();
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    void hand(Item item) {
        if (m_own) {
            m_own(item);
            return;
        }
        // A deadline is what the queue asks for; without room it is simply asked again.
        while (!m_queue.push_until(item, 1, std::chrono::steady_clock::now() + k_patience)) {
            raise();
        }
    }

    /// Everything that was handed over has been done when it returns.
    void finish() {
        end();
        raise();
    }

private:
    static constexpr std::size_t k_most_waiting = 64;  // items; each may keep two folders open
    static constexpr std::chrono::seconds k_patience{1};

    void run(const Work& work) {
        try {
            while (auto item = m_queue.pop()) {
                work(*item);
            }
        } catch (...) {
            const std::lock_guard lock(m_mutex);
            if (!m_failure) {
                m_failure = std::current_exception();
            }
            m_queue.close();
            m_queue.clear();
        }
    }

    void end() {
        m_queue.close();
        for (std::thread& thread : m_threads) {
            thread.join();
        }
        m_threads.clear();
    }

    void raise() {
        const std::lock_guard lock(m_mutex);
        if (m_failure) {
            std::rethrow_exception(m_failure);
        }
    }

    base::BoundedQueue<Item> m_queue;
    Work m_own;
    std::mutex m_mutex;
    std::exception_ptr m_failure;
    std::vector<std::thread> m_threads;
};

}  // namespace ardent::environment::volume
