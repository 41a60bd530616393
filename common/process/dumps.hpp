// SPDX-License-Identifier: PostgreSQL
// Keeps what a program has in memory (passwords, tokens, keys, rows) from other processes of its
// user.
#pragma once

namespace ardent::process {

/// First thing in main: no core dump is made, also none that the kernel would pipe to a program,
/// which RLIMIT_CORE does not prevent; and no process of the same user may attach to this one
/// (ptrace, gdb, strace), or read its /proc/PID/mem, environ, maps and descriptors. root still may.
/// Programs that this one starts are as they would be: exec puts it back.
void refuse_dumps() noexcept;

}  // namespace ardent::process
