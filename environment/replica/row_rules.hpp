// SPDX-License-Identifier: PostgreSQL
// Foreign keys and checks that are added once the rows are there: as the source has them, and
// without a look at the rows, which are what the source says.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/replica/after_data.hpp"
#include "environment/replica/at_once.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::environment {

/// `statements` are of the kinds check and foreign_key. What is valid at the source is added NOT
/// VALID as `apply` and then marked as valid by `admin`, who sees no text of the source. Sessions
/// of before do not see that a check is valid: the server is to be started anew. One that cannot be
/// added (its other table is not carried) becomes a warning.
void add_row_rules(Superuser& admin, pq::Connection& apply,
                   const std::vector<AfterDataStatement>& statements,
                   std::vector<std::string>& warnings);

/// Reads every foreign key that counts as valid, as ardent_reader in transactions that cannot
/// write, several at a time; a warning names each that rows break. Keys whose operators are the
/// application's own are left out: they would run here.
std::vector<std::string> find_orphans(const Connect& connect_reader, unsigned jobs,
                                      const std::function<bool()>& go_on);

}  // namespace ardent::environment
