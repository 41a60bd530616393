// SPDX-License-Identifier: PostgreSQL
// What was known of generated columns when their rows came. An expression is printed otherwise once
// it was dumped, so that the source's cannot be held against the replica's; but each side is held
// against itself: pg_attrdef.oid is another one after a column was dropped and added, or got
// another expression or type. Where that happened at the source and not in the replica, old rows
// have other values there.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/instance/superuser.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

/// The table in the replica, when it is not there; `apply_role` may read and write it.
void create_generated_records(environment::Superuser& privileged, std::string_view apply_role);

/// Once tables are made: their columns are those that the source told.
void keep_generated(pq::Connection& connection,
                    const std::vector<protocol::GeneratedColumn>& source);

/// A column that was made anew at the source only is a failure that names it. Otherwise what is
/// known now is kept, unless `ahead` says that the replica has DDL that the report does not show;
/// it is asked after the replica was read. Columns that nothing is known of (replicas of before,
/// new columns) are taken as they are.
std::optional<protocol::Failure> check_generated(
    pq::Connection& connection, const std::vector<protocol::GeneratedColumn>& source,
    const std::function<bool()>& ahead);

}  // namespace ardent::apply
