// SPDX-License-Identifier: PostgreSQL
// The progress row: the one record of how far the replica is, in the replica itself, written in the
// same transaction as the rows (ReplicaSession::queue_progress). Table ardent.progress, one row,
// the superuser's: no code of the source can become that role, and ardent_apply writes it by a
// function only, which wants its session's secret.
#pragma once

#include "common/model/lsn.hpp"
#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"

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

/// Creates schema ardent, its tables (copy_records.hpp too) and the writer's functions when they
/// are not there, and lets `apply_role` use them. On the privileged connection of the replica's
/// database. Throws as Connection::exec.
void create_progress(environment::Superuser& privileged, std::string_view apply_role);

/// nullopt when there is no table or no row: the replica is not complete.
std::optional<ProgressRow> read_progress(pq::Connection& connection);

/// Puts the row in place of what was there: the end of a copy. On the privileged connection.
void write_progress(environment::Superuser& privileged, const ProgressRow& row);

}  // namespace ardent::apply
