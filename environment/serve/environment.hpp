// SPDX-License-Identifier: PostgreSQL
// The program's verbs. Each returns the exit code: 0, or 1 when something stopped it; configuration
// errors come as base::Error (config). The settings are `proven`; the caller has refused root
// before.
#pragma once

#include "environment/config/settings.hpp"

namespace ardent::environment {

/// Creates the data directory and the environment's own instance, and prints one admin API key.
/// Refuses when that was done before. Leaves nothing running.
int init(const Settings& settings);

/// Serves until SIGTERM or SIGINT. To be called before any thread was made.
int serve(const Settings& settings);

/// Throws base::Error (config) for root, whom PostgreSQL's servers refuse.
void refuse_root();

}  // namespace ardent::environment
