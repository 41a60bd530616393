// SPDX-License-Identifier: PostgreSQL
// GRANT and REVOKE by a superuser of the source act as the owner of each object. The replica has no
// superuser to do so: the statement is run as the owner, and cut in one a owner where there are
// several.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/sql_text.hpp"

#include <string>
#include <vector>

namespace ardent::replay {

struct OwnersShare {
    std::string owner;
    std::string text;
};

/// Empty when an object's owner cannot be told: run it another way. Throws as Connection::exec.
std::vector<OwnersShare> by_owner(pq::Connection& connection, const model::DdlStatement& statement,
                                  const SqlText& sql);

}  // namespace ardent::replay
