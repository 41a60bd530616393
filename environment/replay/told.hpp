// SPDX-License-Identifier: PostgreSQL
// What a message tells better than its statement's text: a text that is run again gets another
// bound from the clock, another name from the server, and another role from SESSION_USER. Pure;
// any thread.
#pragma once

#include "common/model/ddl.hpp"
#include "environment/replay/sql_text.hpp"

#include <string>

namespace ardent::replay {

/// The text, which is the statement's, with
/// - the bound of the partition that is made or attached, as the source has computed it;
/// - the name that the source's server gave to an index without one;
/// - the roles behind SESSION_USER, CURRENT_USER and CURRENT_ROLE, where they name a role.
std::string with_what_is_told(const model::DdlStatement& statement, const SqlText& sql);

}  // namespace ardent::replay
