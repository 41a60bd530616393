// SPDX-License-Identifier: PostgreSQL
// A client's connection and the server's, joined: bytes go both ways as they come, nothing is
// looked at. The end of one side's bytes is passed on as such (half-close); an error of either ends
// both. The loop's thread.
//
// Bytes are copied through one buffer of 64 kB that all relays of a door share, because each piece
// is written at once. What the other side does not take stays in a buffer of its own, at most as
// large, and until it is gone nothing is read: TCP holds the sender back. So an idle session costs
// two descriptors and no buffer. splice(2) would need a pipe for each direction, four more
// descriptors a session, to save a copy of what mostly are short messages.
#pragma once

#include "environment/door/loop.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace ardent::environment {

inline constexpr std::size_t k_relay_bytes = 65536;
using RelayBuffer = std::array<char, k_relay_bytes>;

/// Bytes, as many as the receiving side took.
struct Traffic {
    std::uint64_t from_clients = 0;
    std::uint64_t to_clients = 0;
};

/// What all relays of a branch share. Outlives them.
struct RelayMeans {
    Loop& loop;
    RelayBuffer& buffer;
    Traffic& traffic;
    std::chrono::milliseconds leaving;  // patience with a silent client whose server has ended
};

class Relay : public std::enable_shared_from_this<Relay> {
public:
    Relay(const RelayMeans& means, Watch client, Watch server);

    /// `first` was read from the client before. `ended` is called once, later, when both sides are
    /// done or one failed; not after `end`.
    void start(std::string first, std::function<void()> ended);
    /// Closes both, whatever goes on.
    void end() noexcept;
    /// What waits to be taken, in both directions.
    std::size_t waiting() const noexcept { return m_up.waiting.size() + m_down.waiting.size(); }

private:
    struct Way {
        Watch& from;
        Watch& to;
        std::uint64_t& count;
        std::string waiting;  // read, and not taken by `to`
        bool over = false;    // the end of `from` was passed on
    };

    Loop::Act guarded(void (Relay::*act)(Way& way), Way& way);
    void pull(Way& way);
    bool pull_piece(Way& way);
    bool push(Way& way, const char* bytes, std::size_t size);
    void flush(Way& way);
    void pass_end(Way& way);
    void look_at_leaving();
    void finish();

    const RelayMeans m_means;
    Watch m_client;
    Watch m_server;
    Way m_up;    // to the server
    Way m_down;  // to the client
    Timer m_leaving;
    std::uint64_t m_came = 0;  // bytes of this client's
    std::uint64_t m_came_before = 0;
    std::function<void()> m_ended;
};

}  // namespace ardent::environment
