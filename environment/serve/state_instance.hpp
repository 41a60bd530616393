// SPDX-License-Identifier: PostgreSQL
// Where the environment's own instance lives, and the lock that keeps a second environment off its
// directory.
#pragma once

#include "common/base/fd.hpp"
#include "environment/config/settings.hpp"
#include "environment/instance/instance.hpp"

namespace ardent::environment {

/// With the major it was made with; for a new one the newest that is installed. Throws base::Error
/// (config).
InstanceSpec state_spec(const Settings& settings);

/// Held until the descriptor closes. Throws base::Error (config) when another environment has it.
base::Fd lock_data_directory(const Settings& settings);

/// data_dir, run_dir and what is in them, mode 0700.
void make_directories(const Settings& settings);

}  // namespace ardent::environment
