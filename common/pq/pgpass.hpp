// SPDX-License-Identifier: PostgreSQL
// Lines of a password file (PGPASSFILE). Pure.
#pragma once

#include <string>
#include <string_view>

namespace ardent::pq {

/// A field as such a line has it: with a backslash before each colon and backslash.
std::string pgpass_field(std::string_view text);

}  // namespace ardent::pq
