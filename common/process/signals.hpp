// SPDX-License-Identifier: PostgreSQL
// SIGTERM and SIGINT as a descriptor to poll. Made in main before any thread, so that all inherit
// the blocked mask; SIGPIPE is ignored. One object a program.
#pragma once

#include "common/base/fd.hpp"

namespace ardent::process {

class TerminationSignals {
public:
    /// Blocks SIGTERM, SIGINT and SIGHUP in the calling thread. Throws base::Error (bug).
    TerminationSignals();

    /// Readable when a signal came; for poll().
    int fd() const noexcept { return m_fd.get(); }

    /// True once SIGTERM or SIGINT came; reads what waits. Does not block.
    bool requested() noexcept;

private:
    base::Fd m_fd;
    bool m_requested = false;
};

/// In a child after fork: gives the signals their default meaning back. Async-signal-safe.
void restore_default_signals() noexcept;

}  // namespace ardent::process
