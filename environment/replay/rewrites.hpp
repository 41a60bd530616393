// SPDX-License-Identifier: PostgreSQL
// Statements that write a table anew: its rows are not in the stream. Doing the same here gives the
// same rows, or they are made equal with what the message says, or the table has to be copied
// again.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/sql_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::replay {

/// A table whose rows are others here once the statement ran, and that has to be copied again.
struct CopyWanted {
    std::uint32_t relation = 0;  // its oid in the replica
    model::RelationName name;
    std::string why;
};

/// What the rows that are there get in a new column, as the source says; here its default may come
/// out otherwise.
struct NewValue {
    model::RelationName table;
    std::string column;
    std::string type;
    std::string value;
};

struct RowsApart {
    std::vector<CopyWanted> again;
    std::vector<NewValue> values;
};

/// Which rows could come out otherwise than at the source, as the source itself has judged it.
/// Before the statement runs. A table that is empty here is empty there.
RowsApart rows_apart(pq::Connection& connection, const model::DdlStatement& statement,
                     const Scope& scope);

/// Gives the rows those values where the default came out otherwise. After the statement, in its
/// transaction.
void write_values(pq::Connection& connection, const std::vector<NewValue>& values);

/// The check that DETACH PARTITION … CONCURRENTLY left on the partition, as a statement to be run
/// after it; nullopt when it left none, because other checks implied it, or the statement detaches
/// nothing. Before the statement runs.
std::optional<std::string> detached_partition(pq::Connection& connection,
                                              const model::DdlStatement& statement,
                                              const SqlText& sql);

}  // namespace ardent::replay
