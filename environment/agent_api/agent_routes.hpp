// SPDX-License-Identifier: PostgreSQL
// The agent's calls (docs/protocol.md) as routes: reads bodies, calls the connector, writes
// answers. Handlers run on the HTTP threads; segments are decompressed there.
#pragma once

#include "environment/connector/registry.hpp"
#include "environment/server/http.hpp"

namespace ardent::environment {

void add_agent_routes(Router& router, const Settings& settings, Registry& registry);

}  // namespace ardent::environment
