// SPDX-License-Identifier: PostgreSQL
// The public API and the service's own pages, as routes. Handlers run on the HTTP threads.
#pragma once

#include "environment/branch/branches.hpp"
#include "environment/connector/registry.hpp"
#include "environment/server/http.hpp"
#include "environment/server/http_server.hpp"

#include <functional>

namespace ardent::environment {

/// /v1/connectors, /v1/operations, /v1/projects, /v1/orgs.
void add_public_routes(Router& router, const Settings& settings, Registry& registry,
                       Branches& branches);

/// /v1/branch, /v1/branches, /v1/branch-authority.
void add_branch_routes(Router& router, const Settings& settings, Branches& branches);

/// /v1/connectors/{connector_id}/settings.
void add_setting_routes(Router& router, Registry& registry, Store& store);

/// /healthz, /readyz, /metrics, /openapi.json. `ready` tells whether calls can be served.
void add_service_routes(Router& router, Registry& registry, std::function<bool()> ready);

/// Admin routes want an admin key, agent routes the token of the connector in their path.
Authorizer make_authorizer(Registry& registry);

}  // namespace ardent::environment
