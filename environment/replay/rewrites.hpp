// SPDX-License-Identifier: PostgreSQL
// Statements that write a table anew: its rows are not in the stream, so doing the same here must give the same rows.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/sql_text.hpp"

#include <optional>
#include <string>

namespace ardent::replay {

/// Why the rows here could come out otherwise than at the source; empty when they do not. Before the statement runs. A
/// table that is empty here is empty there. Functions are judged by name: one too many is suspected rather than one too few.
std::string why_rows_differ(pq::Connection& connection, const model::DdlStatement& statement,
                            const model::DdlRewrite& rewrite, const model::RelationName& name);

/// The same for columns that are new: their default's value at the source, now() for one, is not in the stream.
std::string why_new_columns_differ(pq::Connection& connection, const model::DdlStatement& statement,
                                   const model::DdlTable& table);

/// The check that DETACH PARTITION … CONCURRENTLY left on the partition, as a statement to be run after it; nullopt when it left
/// none, because other checks implied it, or the statement detaches nothing. Before the statement runs.
std::optional<std::string> detached_partition(pq::Connection& connection,
                                              const model::DdlStatement& statement,
                                              const SqlText& sql);

}  // namespace ardent::replay
