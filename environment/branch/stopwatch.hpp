// SPDX-License-Identifier: PostgreSQL
// What the steps of an operation take, one after the other.
#pragma once

#include "environment/state/records.hpp"

#include <chrono>
#include <vector>

namespace ardent::environment {

class Stopwatch {
public:
    /// `steps` outlives it.
    explicit Stopwatch(std::vector<BranchStep>& steps) : m_steps(steps) {}

    /// The step that ends now; the next one begins.
    void lap(const char* name) {
        const auto now = std::chrono::steady_clock::now();
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - m_last);
        m_steps.push_back({name, static_cast<std::uint64_t>(took.count())});
        m_last = now;
    }

private:
    std::vector<BranchStep>& m_steps;
    std::chrono::steady_clock::time_point m_last = std::chrono::steady_clock::now();
};

}  // namespace ardent::environment
