// SPDX-License-Identifier: PostgreSQL
// The statements that build the environment's own tables, one text a version, never changed once
// released.
#pragma once

#include <span>
#include <string_view>

namespace ardent::environment {

inline constexpr const char* k_state_database = "environment";

std::span<const std::string_view> migrations();

}  // namespace ardent::environment
