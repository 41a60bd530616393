// SPDX-License-Identifier: PostgreSQL
// Tables that have to be copied again, and the changes that wait for it, in the replica itself:
// tables ardent.copy_again and ardent.held beside the progress row, written in the transactions
// that they belong to. One thread, as its connection.
#pragma once

#include "common/model/lsn.hpp"
#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/rewrites.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

struct CopyRecord {
    std::uint32_t relation = 0;  // its oid in the replica
    model::RelationName name;    // as it is called now, in the connection's encoding
    std::string why;
    model::Lsn since;  // commit end of the statement that made it
    /// The source's transactions with DDL that touched it since, that one included: a copy has to
    /// show them all.
    std::vector<std::uint64_t> ddl_xids;
    std::uint64_t held = 0;  // changes
};

/// One change of such a table, as the plugin wrote it.
struct HeldChange {
    std::uint64_t place = 0;
    std::uint64_t xid = 0;  // with its epoch
    model::Lsn lsn;
    std::string message;
};

/// Makes both tables where they are not there. On the privileged connection of the replica's
/// database.
void create_copy_records(environment::Superuser& privileged, std::string_view apply_role);

std::vector<CopyRecord> read_copy_records(pq::Connection& connection);

/// Asks for a copy of the table, once more when it was asked for before.
void want_copy(pq::Connection& connection, const replay::CopyWanted& wanted, model::Lsn since,
               std::uint64_t xid);
/// A copy of the table has to show this transaction too.
void add_ddl(pq::Connection& connection, std::uint32_t relation, std::uint64_t xid);
/// Forgets the table and its held changes.
void forget_copy(pq::Connection& connection, std::uint32_t relation);
/// Forgets what is no permanent table any more, or none that the connector carries.
void forget_what_is_gone(pq::Connection& connection, const replay::Scope& scope);

/// INSERT of a held change: $1 relation, $2 xid, $3 LSN, $4 message.
extern const char* const k_hold;
/// The next held changes of the table behind `place`, in their order, some megabytes at most;
/// empty: no more.
std::vector<HeldChange> read_held(pq::Connection& connection, std::uint32_t relation,
                                  std::uint64_t place);

}  // namespace ardent::apply
