// SPDX-License-Identifier: PostgreSQL
// How the server identifies the rows of a table in logical decoding: the primary key or the chosen
// index, when it is valid, unique, immediate and not partial (RelationGetIndexList), or FULL. Rooms
// of this folder only.
#pragma once

#include "common/preflight/preflight.hpp"
#include "common/preflight/query_runner.hpp"
#include "common/preflight/scripts.hpp"

#include <map>
#include <string>
#include <vector>

namespace ardent::preflight {

/// The rows of k_identities as values; there the columns of an index are its number.
std::vector<TableIdentity> read_identities(const Rows& rows);

/// Throws base::Error (22023) when a decision names what is no relation.
void check_decisions(QueryRunner& runner, const std::map<std::string, Decision>& decisions);

std::string why_unidentified(const TableIdentity& table);

/// The ALTER TABLE statement that the operator's decision for the table asks for, with a line feed;
/// empty when there is no decision, or no statement that carries it out.
std::string asked_statement(const Accept& accept, const TableIdentity& table);

}  // namespace ardent::preflight
