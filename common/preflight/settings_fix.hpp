// SPDX-License-Identifier: PostgreSQL
// Statements for psql that change a setting, guarded when they run: what is high enough by then, or was changed
// since the printout, is left alone. Rooms of this folder only. Pure.
#pragma once

#include "common/preflight/judging.hpp"

#include <string>

namespace ardent::preflight {

inline constexpr const char* k_then_restart = "-- then restart the server\n";
inline constexpr const char* k_then_reload = "SELECT pg_catalog.pg_reload_conf();\n";

/// What the server will have: the last word of the configuration files, or else what it has now.
std::string coming_value(const std::string& name);

/// ALTER SYSTEM for a number without a unit that is too low.
std::string raise_setting(const std::string& name, long need);

/// ALTER SYSTEM SET name = literal, where `guard`, a condition in SQL, is true.
std::string set_setting(const std::string& name, const std::string& literal,
                        const std::string& guard);

/// ALTER ROLE … SET for the role alone (in this database alone where that is what is set), unless the role's
/// setting was changed since; `guard` is one more condition for a value that the server gave.
std::string set_for_role(const Context& context, const std::string& name, const Setting& now,
                         const std::string& literal, const std::string& guard);

}  // namespace ardent::preflight
