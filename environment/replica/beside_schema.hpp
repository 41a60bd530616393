// SPDX-License-Identifier: PostgreSQL
// What a dump of schemas does not have and later statements of the source rely on: casts, and
// default privileges that hold in all schemas. As ardent_apply, who owns the types of the source
// meanwhile and is a member of its roles. Names are resolved and quoted by the server. What cannot
// be made is added to `warnings`. Throw base::Error (transient).
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

/// Makes those of which types and functions are there, and returns the others: a cast may need what
/// is made later.
std::vector<protocol::Cast> create_casts(pq::Connection& apply,
                                         const std::vector<protocol::Cast>& casts,
                                         std::vector<std::string>* warnings);

void set_default_privileges(pq::Connection& apply,
                            const std::vector<protocol::DefaultPrivileges>& all,
                            std::vector<std::string>& warnings);

}  // namespace ardent::environment
