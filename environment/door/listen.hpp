// SPDX-License-Identifier: PostgreSQL
// The listening socket of a branch. Any thread.
#pragma once

#include "common/base/fd.hpp"

#include <cstdint>
#include <string>

namespace ardent::environment {

/// Where a branch listens; port 0: one that is free.
struct DoorAddress {
    std::string host;
    std::uint16_t port = 0;
};

/// Binds and listens, not blocking. Throws base::Error (config): the port is taken, the address is
/// not this host's; with what to do. A host's name is looked up, which may wait.
base::Fd listen_at(const DoorAddress& address);

/// Of a socket that listens.
std::uint16_t bound_port(int listener);

/// What counts as one address, of a connection; empty when it has ended already
/// (server/socket_channel.hpp).
std::string peer_address(int connection);

}  // namespace ardent::environment
