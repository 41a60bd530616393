// SPDX-License-Identifier: PostgreSQL
// The version of the rules by which a database sorts text. Hosts with another C library or ICU sort
// otherwise, in silence.
#pragma once

#include "common/pq/connection.hpp"

#include <optional>
#include <string>

namespace ardent::pq {

/// Of the connected database's own collation, as the server's libraries tell it now; nullopt where
/// there is none, as for C. Throws as Connection::exec.
std::optional<std::string> collation_version(Connection& connection);

}  // namespace ardent::pq
