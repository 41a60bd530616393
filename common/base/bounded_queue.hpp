// SPDX-License-Identifier: PostgreSQL
// A queue between threads that is bounded by the bytes of what waits, not by the count. One item
// larger than the bound passes when the queue is empty. Any number of threads on both ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace ardent::base {

template <class T>
class BoundedQueue {
public:
    explicit BoundedQueue(std::size_t byte_limit) : m_limit(byte_limit) {}

    /// Waits until `deadline` for room: false when there was none or the queue is closed; `item` is
    /// then untouched.
    template <class Clock, class Duration>
    bool push_until(T& item, std::size_t bytes,
                    const std::chrono::time_point<Clock, Duration>& deadline) {
        std::unique_lock lock(m_mutex);
        return m_room.wait_until(lock, deadline, [&] { return m_closed || fits(bytes); }) &&
               put(item, bytes);
    }

    /// Does not wait: false when there is no room or the queue is closed; `item` is then untouched.
    bool try_push(T& item, std::size_t bytes) {
        const std::lock_guard lock(m_mutex);
        return fits(bytes) && put(item, bytes);
    }

    /// Waits until `deadline` for an item; nullopt at the deadline or when closed and empty.
    template <class Clock, class Duration>
    std::optional<T> pop_until(const std::chrono::time_point<Clock, Duration>& deadline) {
        std::unique_lock lock(m_mutex);
        m_items.wait_until(lock, deadline, [&] { return m_closed || !m_queue.empty(); });
        return take();
    }

    std::optional<T> pop() {
        std::unique_lock lock(m_mutex);
        m_items.wait(lock, [&] { return m_closed || !m_queue.empty(); });
        return take();
    }

    std::optional<T> try_pop() {
        const std::lock_guard lock(m_mutex);
        return take();
    }

    /// Wakes everybody; later pushes are refused, what waits can still be popped.
    void close() {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        m_room.notify_all();
        m_items.notify_all();
    }

    void clear() {
        const std::lock_guard lock(m_mutex);
        m_queue.clear();
        m_bytes = 0;
        m_room.notify_all();
    }

    std::size_t bytes() const {
        const std::lock_guard lock(m_mutex);
        return m_bytes;
    }

    bool empty() const {
        const std::lock_guard lock(m_mutex);
        return m_queue.empty();
    }

private:
    bool fits(std::size_t bytes) const { return m_queue.empty() || m_bytes + bytes <= m_limit; }

    bool put(T& item, std::size_t bytes) {
        if (m_closed) {
            return false;
        }
        m_queue.emplace_back(std::move(item), bytes);
        m_bytes += bytes;
        m_items.notify_one();
        return true;
    }

    std::optional<T> take() {
        if (m_queue.empty()) {
            return std::nullopt;
        }
        std::optional<T> item(std::move(m_queue.front().first));
        m_bytes -= m_queue.front().second;
        m_queue.pop_front();
        m_room.notify_all();
        return item;
    }

    const std::size_t m_limit;
    mutable std::mutex m_mutex;
    std::condition_variable m_room;
    std::condition_variable m_items;
    std::deque<std::pair<T, std::size_t>> m_queue;
    std::size_t m_bytes = 0;
    bool m_closed = false;
};

}  // namespace ardent::base
