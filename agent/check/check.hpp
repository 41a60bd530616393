// SPDX-License-Identifier: PostgreSQL
// `ardent-agent check`: looks at everything that `run` needs and changes nothing, neither at the
// source nor at the environment. Prints to stdout.
#pragma once

#include "agent/config/settings.hpp"

namespace ardent::agent {

/// 0 ready; 1 the source or the environment cannot be reached, or a condition of the source; 2
/// configuration.
int check(const Settings& settings);

}  // namespace ardent::agent
