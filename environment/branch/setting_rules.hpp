// SPDX-License-Identifier: PostgreSQL
// What a connector's settings may be, as far as that can be said without a server. Each tells what
// is wrong, in words for people; nullopt: nothing is. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

inline constexpr std::size_t k_hook_limit = 1048576;  // bytes of one script

/// `superusers`: of the source, as far as they are known.
std::optional<std::string> role_objection(const std::string& role,
                                          const std::vector<std::string>& superusers);

/// Of a database.
std::optional<std::string> database_objection(std::string_view name);

std::optional<std::string> hook_name_objection(std::string_view name);

/// A hook is SQL alone: no command of psql, and no data behind a COPY.
std::optional<std::string> script_objection(std::string_view sql);

/// Of a statement with the backslash at `place`.
std::string psql_objection(std::string_view sql, std::size_t place);

}  // namespace ardent::environment
