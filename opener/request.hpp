// SPDX-License-Identifier: PostgreSQL
// One request to the opener: a byte comes over a connection of its own, and a byte goes back, with
// the descriptor of a TCP connection to the server when one could be made.
//
// The answers: 'c' connected, with exactly one descriptor; 'r' nobody listens at the port (yet);
// 't' the server's queue was full until the deadline; 'f' the kernel gave no socket. After the
// answer the connection is closed.
//
// No memory is taken and nothing throws: a process that ends by a signal makes the postmaster end
// all sessions.
#pragma once

#include <cstdint>
#include <ctime>
#include <poll.h>

namespace ardent::opener {

inline constexpr char k_connected = 'c';
inline constexpr char k_refused = 'r';
inline constexpr char k_timed_out = 't';
inline constexpr char k_failed = 'f';

/// Of the request's byte and the server's answer together, in seconds.
inline constexpr std::time_t k_patience = 10;

/// A place for one request. A value without an owner of its descriptors: the table in serve.cpp
/// closes them.
struct Request {
    int asker = -1;  // the connection to whom asks; -1: the place is free
    int server = -1;
    std::time_t deadline = 0;  // CLOCK_MONOTONIC

    bool free() const noexcept { return asker < 0; }
};

/// What the request waits for.
pollfd wanted(const Request& request) noexcept;

/// Goes on with it when something came, or when `now` is behind its deadline. The place may be free
/// afterwards.
void go_on(Request& request, bool ready, std::uint16_t port, std::time_t now) noexcept;

}  // namespace ardent::opener
