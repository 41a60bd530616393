// SPDX-License-Identifier: PostgreSQL
// GRANT and REVOKE, cut into what the replica can run. Those by a superuser of the source act as
// the owner of each object: the replica has no superuser to do so, and runs one statement an owner.
// What lies outside of the carried schemas is left out. Rights on what belongs to the replica's own
// superuser (an extension's objects, a language) are given by him, in a statement that is formed
// here: of the source's text it takes only words that are rights, and names.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/sql_text.hpp"

#include <string>
#include <vector>

namespace ardent::replay {

struct OwnersShare {
    std::string owner;
    std::string text;
};

struct GrantShares {
    bool apart = false;  // false: the text runs as it stands, as its role
    std::vector<OwnersShare> shares;
    std::vector<std::string> of_superuser;  // statements of ours
    std::vector<std::string> grantees;      // of those
    std::vector<std::string> left_out;      // what they cannot say
};

/// `superuser`: the statement's role was one. Throws as Connection::exec.
GrantShares share_grant(pq::Connection& connection, const model::DdlStatement& statement,
                        const Scope& scope, const SqlText& sql, bool superuser);

}  // namespace ardent::replay
