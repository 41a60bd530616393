// SPDX-License-Identifier: PostgreSQL
// The settings under which a statement ran at the source, for the rest of the target transaction or
// until the session is cleaned (environment/instance/superuser.hpp). SQL text only.
#pragma once

#include "common/ddl/settings.hpp"
#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ardent::replay {

/// Without a role: as who is connected.
std::string enter_settings(pq::Connection& connection, const model::DdlStatement& statement,
                           const std::optional<std::string>& role);

/// Those of the statement's settings that cannot be had here: a locale that this host does not
/// have, a configuration of text search that is not there. `known` keeps what was tried, by
/// "name=value". In a savepoint.
std::vector<ddl::Setting> unsettable(pq::Connection& connection,
                                     const model::DdlStatement& statement,
                                     std::map<std::string, bool>& known);

}  // namespace ardent::replay
