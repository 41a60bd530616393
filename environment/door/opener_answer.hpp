// SPDX-License-Identifier: PostgreSQL
// The opener's socket and what comes out of it, as from an enemy: the folder of the socket is
// shared with a room in which somebody may be superuser, replace every file and pass any
// descriptor. Nothing here waits. Any thread.
#pragma once

#include "common/base/fd.hpp"

#include <cstdint>
#include <string>

namespace ardent::environment {

/// A connection to the socket at `path`, not blocking. Follows no link at its last name, so that a
/// room cannot lead us to another room's socket; the folders above are ours. Not valid: its queue
/// is full, to be tried again. Throws base::Error (transient) when there is no socket or nobody
/// listens.
base::Fd connect_to_opener(const std::string& path);

struct OpenerAnswer {
    enum class Kind {
        not_yet,  // nothing came
        socket,   // a connected TCP socket to 127.0.0.1 and that port
        refused,  // the opener says that the server takes no connection
        lost,     // the connection to the opener ended
        hostile   // what no opener of ours answers
    };
    Kind kind = Kind::not_yet;
    base::Fd socket;
    std::string text;  // why there is no socket
};

/// What the opener answered to the request on this connection. Descriptors that are not the one are
/// closed.
OpenerAnswer take_opener_answer(int connection, std::uint16_t port);

}  // namespace ardent::environment
