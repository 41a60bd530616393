// SPDX-License-Identifier: PostgreSQL
// One request to an opener: connect, ask, wait for the answer until a deadline. The loop's thread.
#pragma once

#include "environment/door/loop.hpp"
#include "environment/door/opener_answer.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace ardent::environment {

/// Where a branch's server is reached.
struct OpenerPlace {
    std::string socket;  // the path as this host has it
    std::uint16_t port = 5432;
};

class OpenerCall : public std::enable_shared_from_this<OpenerCall> {
public:
    using Done = std::function<void(OpenerAnswer answer)>;

    /// The deadline's passing is an answer of kind `lost`.
    OpenerCall(Loop& loop, OpenerPlace place, std::chrono::milliseconds patience);

    /// `done` is called once, later, unless `cancel` comes before.
    void start(Done done);
    void cancel() noexcept;

private:
    void connect();
    void ask();
    void wait();
    void take();
    void end(OpenerAnswer answer);

    Loop& m_loop;
    const OpenerPlace m_place;
    const std::chrono::milliseconds m_patience;
    Done m_done;
    Watch m_connection;
    Timer m_deadline;
    Timer m_again;
};

}  // namespace ardent::environment
