// SPDX-License-Identifier: PostgreSQL
// The command line of ardent-agent. Main thread.
#pragma once

namespace ardent::agent {

/// Returns the exit code. Throws nothing.
int program(int argc, char** argv) noexcept;

}  // namespace ardent::agent
