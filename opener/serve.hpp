// SPDX-License-Identifier: PostgreSQL
// The opener's own process: a child of the server, which does not know it.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace ardent::opener {

/// Makes the process one that nothing but SIGKILL ends, and that holds of what it inherited the
/// lock alone. `server`: the pid of the process that becomes the server, as this one sees it.
void settle(int listener, pid_t server) noexcept;

/// Answers requests until the process is killed. Ends it with status 0 when it cannot go on.
[[noreturn]] void serve(int listener, std::uint16_t port) noexcept;

}  // namespace ardent::opener
