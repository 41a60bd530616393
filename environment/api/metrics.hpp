// SPDX-License-Identifier: PostgreSQL
// Prometheus text format, version 0.0.4. Pure.
#pragma once

#include "environment/connector/connector.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

std::string metrics_text(const std::vector<ConnectorView>& views);

}  // namespace ardent::environment
