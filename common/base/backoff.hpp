// SPDX-License-Identifier: PostgreSQL
// Waiting times between attempts: doubling from `first` to `most`, each drawn evenly from the upper
// half ("equal jitter"), so that many clients do not come back together. A value with its own
// random state.
#pragma once

#include <chrono>
#include <random>

namespace ardent::base {

class Backoff {
public:
    using Duration = std::chrono::milliseconds;

    Backoff(Duration first, Duration most, unsigned seed)
        : m_first(first), m_most(most), m_now(first), m_random(seed) {}

    Duration next() {
        std::uniform_int_distribution<Duration::rep> pick(m_now.count() / 2, m_now.count());
        const Duration wait(pick(m_random));
        m_now = std::min(m_most, m_now * 2);
        return wait;
    }

    void reset() noexcept { m_now = m_first; }

private:
    Duration m_first;
    Duration m_most;
    Duration m_now;
    std::minstd_rand m_random;
};

}  // namespace ardent::base
