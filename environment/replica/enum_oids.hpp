// SPDX-License-Identifier: PostgreSQL
// An enum's value is stored, sorted and hashed as the oid of its label (pg_enum.oid). In a replica
// the labels have the oids that they have at the source, so that each row belongs to the same
// partition.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/instance/superuser.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace ardent::environment {

struct OidMove {
    std::uint32_t from = 0;
    std::uint32_t to = 0;

    bool operator==(const OidMove&) const = default;
};

/// How labels get other oids without ever having one that another label has at that time: all of
/// the first list, then all of the second. Labels in the way go to odd oids, which the server
/// compares by enumsortorder, and even ones as they are. `taken` are all oids of pg_enum, `wanted`
/// has each `from` and each `to` once.
struct OidPlan {
    std::vector<OidMove> aside;
    std::vector<OidMove> home;
};

OidPlan plan_moves(const std::set<std::uint32_t>& taken, const std::vector<OidMove>& wanted);

/// Gives the labels of enums their oids at the source, where such an enum is in the replica. To be
/// called before anything is made that holds a value of them: a row, a default, a check, a view, a
/// partition's bound. Enums of an extension that brought such things stay as they are, and so does
/// an enum whose oids they have; both are named in `warnings`. `admin` is a superuser's connection,
/// outside of a transaction.
void set_enum_oids(Superuser& admin, const std::vector<protocol::EnumLabels>& enums,
                   std::vector<std::string>& warnings);

}  // namespace ardent::environment
