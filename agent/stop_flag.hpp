// SPDX-License-Identifier: PostgreSQL
// A flag that is set when SIGTERM or SIGINT waits, for calls that can only look at a flag while the
// main thread blocks in them. A thread of its own watches the signals' descriptor and reads nothing
// from it.
#pragma once

#include "common/base/fd.hpp"

#include <atomic>
#include <thread>

namespace ardent::agent {

class StopFlag {
public:
    /// `signals`: TerminationSignals::fd(), which must outlive the flag.
    explicit StopFlag(int signals);
    ~StopFlag();
    StopFlag(const StopFlag&) = delete;
    StopFlag& operator=(const StopFlag&) = delete;

    const std::atomic<bool>* get() const noexcept { return &m_set; }

private:
    void watch(int signals) noexcept;

    std::atomic<bool> m_set{false};
    base::Fd m_end;
    std::thread m_thread;
};

}  // namespace ardent::agent
