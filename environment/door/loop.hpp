// SPDX-License-Identifier: PostgreSQL
// The door's event loop: descriptors, timers, posted work, on one thread. The one place of the door
// that knows Asio.
//
// Whoever watches a descriptor reads and writes it by the system's calls with MSG_DONTWAIT, never
// trusting O_NONBLOCK: a descriptor that the opener passed shares its flags with whoever else holds
// it, who may clear them at any time.
#pragma once

#include "common/base/fd.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace ardent::environment {

/// Owned by the door; outlives what watches on it.
class Loop {
public:
    using Act = std::function<void()>;

    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Makes its thread. What an act throws is logged and ends that act alone.
    void start();
    /// Runs what was posted before, and joins. Idempotent; not on the loop's thread.
    void stop();
    /// From any thread: runs it later on the loop's.
    void post(Act act);
    /// Runs it on the loop's thread and returns afterwards; throws what it threw. On the loop's
    /// thread: at once. Before `start` and after `stop`: at once too, on the calling thread, which
    /// must be the only one then.
    void call(const Act& act);

    struct Inside;
    Inside& inside() noexcept { return *m_inside; }

private:
    void run();

    std::unique_ptr<Inside> m_inside;
};

/// A descriptor that is closed with it. The loop's thread only.
class Watch {
public:
    Watch() noexcept;
    /// Throws std::exception: the kernel has no memory to watch it.
    Watch(Loop& loop, base::Fd fd);
    ~Watch();
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    int get() const noexcept;
    bool open() const noexcept { return m_inside != nullptr; }
    /// Once, later, when there is something to read (the end too); at once later when there is
    /// already. Never after `close`. One of each kind at a time.
    void readable(Loop::Act then);
    /// The same for room to write, or an error.
    void writable(Loop::Act then);
    void close() noexcept;

private:
    struct Inside;
    std::shared_ptr<Inside> m_inside;
};

/// The loop's thread only.
class Timer {
public:
    explicit Timer(Loop& loop);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Once; what was set before is forgotten.
    void set(std::chrono::milliseconds after, Loop::Act then);
    void cancel() noexcept;

private:
    struct Inside;
    std::shared_ptr<Inside> m_inside;
};

}  // namespace ardent::environment
