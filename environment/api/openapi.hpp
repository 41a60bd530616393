// SPDX-License-Identifier: PostgreSQL
// docs/openapi.yaml, part of the program. The file is written in the part of YAML that is JSON, so
// that it is served as it stands.
#pragma once

#include <string_view>

namespace ardent::environment {

std::string_view openapi_json() noexcept;

}  // namespace ardent::environment
