// SPDX-License-Identifier: PostgreSQL
// The settings under which a statement ran at the source, for the rest of the target transaction or
// until the session is cleaned (environment/instance/superuser.hpp). SQL text only.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"

#include <optional>
#include <string>

namespace ardent::replay {

/// Without a role: as who is connected.
std::string enter_settings(pq::Connection& connection, const model::DdlStatement& statement,
                           const std::optional<std::string>& role);

}  // namespace ardent::replay
