// SPDX-License-Identifier: PostgreSQL
// One table's rows, from COPY TO on the source to numbered parts: the caller's thread reads, a
// thread of its own compresses and sends. Used for one table after another on the main thread.
#pragma once

#include "agent/send/environment_api.hpp"
#include "common/model/search_paths.hpp"
#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::agent {

/// COPY TO STDOUT of the columns that are stored, in text format and in the `encoding`; the
/// statement itself is UTF-8. Of a table, which the planner never sees; of a query where only that
/// gives all columns: `needs_query`.
std::string copy_out_statement(const model::TableDefinition& table, const std::string& encoding);

/// COPY of a table refuses generated columns, and has no list for no columns. For a query the
/// server looks into the functions of the table's indexes, with the search_path that the session
/// has at the time: the statement sets the transaction's to pg_catalog before it prints the first
/// row.
bool needs_query(const model::TableDefinition& table);

struct TableTransfer {
    pq::Connection& connection;              // in the snapshot's transaction
    const std::string& encoding;             // of the server, and so of the rows
    const model::SearchPaths& search_paths;  // of the source's writers
    /// Sends a part, on the sending thread; the answer, or nullopt when the other end gave the copy
    /// up.
    const std::function<std::optional<PartAnswer>(std::uint64_t part, bool last,
                                                  std::string_view frame)>& put;
    /// Asked for each row that comes and while waiting; false ends the transfer with a transient
    /// error.
    const std::function<bool()>& go_on;
    /// Bytes that moved, on the caller's thread.
    const std::function<void(std::uint64_t bytes)>& moved;
};

/// The number of rows, which both ends agree on. Throws base::Error: transient for the network and
/// for a session that is not the newest any more, source for what the server says.
std::uint64_t transfer_table(const TableTransfer& transfer, const model::TableDefinition& table);

}  // namespace ardent::agent
