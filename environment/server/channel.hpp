// SPDX-License-Identifier: PostgreSQL
// The bytes of one connection, with TLS or without, and one deadline. The interface that Connection
// works on: its state machine knows no socket. Everything happens on the event loop's thread;
// nothing waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace ardent::environment {

class Channel {
public:
    using Clock = std::chrono::steady_clock;
    /// False: the other side closed, the deadline passed, `close` was called. Never called before
    /// the call returns.
    using Done = std::function<void(bool ok, std::size_t bytes)>;

    virtual ~Channel() = default;

    /// To be called once, before anything is read: the TLS handshake.
    virtual void begin(Done done) = 0;
    /// At least one byte.
    virtual void read(char* into, std::size_t size, Done done) = 0;
    /// All of them; they must stay where they are until it is done.
    virtual void write(std::string_view bytes, Done done) = 0;
    /// When it passes, the channel is closed, whatever goes on then. The last one counts.
    virtual void set_deadline(Clock::time_point deadline) = 0;
    /// Nothing more is written.
    virtual void end_writing() noexcept = 0;
    /// What goes on ends with false.
    virtual void close() noexcept = 0;
};

}  // namespace ardent::environment
