// SPDX-License-Identifier: PostgreSQL
// Storage parameters that the replica's server does not know. Pure; any thread.
#pragma once

#include "environment/replay/sql_text.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ardent::replay {

/// Without this parameter, or this namespace of parameters, in the first WITH (…) or SET (…) that
/// has it, and without what is empty then; an empty text when that was all the statement did;
/// nullopt when nothing was found.
std::optional<std::string> without_parameter(const SqlText& sql, std::string_view name);

}  // namespace ardent::replay
