// SPDX-License-Identifier: PostgreSQL
// Which search_path sessions of the source begin with.
#pragma once

#include "agent/config/settings.hpp"
#include "common/model/search_paths.hpp"

#include <string>
#include <vector>

namespace ardent::agent {

/// The usual one, and those of the roles that own tables in the schemas. On a short connection of
/// its own, because a session that was given a search_path does not know which it would have begun
/// with. Throws as connect_sql and Connection::exec.
model::SearchPaths read_search_paths(const SourceSettings& source);

}  // namespace ardent::agent
