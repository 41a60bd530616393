// SPDX-License-Identifier: PostgreSQL
// What the public API says about a connector or an operation, as JSON. Pure; any thread.
// Field names and types: docs/openapi.yaml.
#pragma once

#include "environment/connector/connector.hpp"
#include "environment/state/records.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace ardent::environment {

/// ConnectorRow with the fields that this environment adds: failure, replica, lag, not_carried,
/// agent, …
nlohmann::json connector_row(const ConnectorView& view);

/// What to run beside the source; `token` is shown this once, empty: left out.
nlohmann::json agent_hints(const std::string& public_url, const ConnectorRecord& record,
                           const std::string& token);

nlohmann::json operation_handle(const OperationRecord& record);
/// `result`: what a completed operation made, or null.
nlohmann::json operation_row(const OperationRecord& record, nlohmann::json result);

}  // namespace ardent::environment
