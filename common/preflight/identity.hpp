// SPDX-License-Identifier: PostgreSQL
// How the server identifies the rows of a table in logical decoding: the primary key or the chosen
// index, when it is valid, unique, immediate and not partial (RelationGetIndexList), or FULL. Rooms of
// this folder only.
#pragma once

#include "common/preflight/query_runner.hpp"
#include "common/preflight/scripts.hpp"

#include <string>
#include <vector>

namespace ardent::preflight {

/// The rows of k_observe_identities as values.
std::vector<TableIdentity> read_identities(const Rows& rows);

std::string why_unidentified(const TableIdentity& table);

/// ALTER TABLE … REPLICA IDENTITY USING INDEX with the candidate.
std::string use_index_statement(const TableIdentity& table);

}  // namespace ardent::preflight
