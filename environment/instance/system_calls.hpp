// SPDX-License-Identifier: PostgreSQL
// The system calls that a contained server may not make: a library that somebody loads into it runs
// any of them.
#pragma once

#include "common/base/fd.hpp"

namespace ardent::environment {

/// The filter as a program for the kernel (BPF), in a file without a name, read from its beginning:
/// what bwrap takes as --seccomp. Refused calls fail with EPERM, clone3 with ENOSYS; calls of
/// another architecture end the process. Throws base::Error (transient).
base::Fd system_call_filter();

}  // namespace ardent::environment
