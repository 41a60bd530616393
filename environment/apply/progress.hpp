// SPDX-License-Identifier: PostgreSQL
// The progress row: the one record of how far the replica is, in the replica itself, written in the same
// transaction as the rows. Table ardent.progress, one row.
#pragma once

#include "common/model/lsn.hpp"
#include "common/pq/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::apply {

struct ProgressRow {
    std::string system_identifier;  // of the source, decimal
    std::uint32_t timeline = 0;     // of the source
    model::Lsn
        durable;  // commit end LSN of the last transaction in the replica, or an idle position
    std::string slot;
    std::optional<std::string>
        commit_timestamp;  // of the source, of the last transaction, as timestamptz text
    std::optional<std::string> applied_at;  // read only: when the row was last written, UTC
};

/// Creates schema ardent and its tables (copy_records.hpp too) when they are not there, and lets `apply_role` use them.
/// On the privileged connection of the replica's database. Throws as Connection::exec.
void create_progress(pq::Connection& privileged, std::string_view apply_role);

/// nullopt when there is no table or no row: the replica is not complete.
std::optional<ProgressRow> read_progress(pq::Connection& connection);

/// Puts the row in place of what was there: the end of a copy. On the privileged connection.
void write_progress(pq::Connection& privileged, const ProgressRow& row);

/// Advances the row from the position before, which must still stand there: no row touched means a second
/// writer. $1 new position, $2 commit timestamp or NULL (keeps the one before), $3 position before.
extern const char* const k_advance_progress;

}  // namespace ardent::apply
