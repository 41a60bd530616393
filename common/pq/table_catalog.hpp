// SPDX-License-Identifier: PostgreSQL
// Reads what tables and their types look like from a server's catalogs. The agent asks the source,
// the environment the replica, with the same query, so that equal tables give equal definitions.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"

#include <string>
#include <vector>

namespace ardent::pq {

/// Tables of one relation list as two parallel arrays of texts: SQL compares pairs, for "a.b" is no
/// pair.
struct NameArrays {
    std::string schemas;
    std::string names;
};

NameArrays name_arrays(const std::vector<model::RelationName>& relations);

/// Permanent tables and partitioned tables of the schemas, without members of extensions and
/// without `excluded`, ordered by schema and name (byte order), and the types that their columns
/// are made of, without those of extensions. Identity columns follow the server's rule
/// (RelationGetReplicaIndex): the primary key when it is valid and not deferrable, or the index
/// chosen by REPLICA IDENTITY USING INDEX, in index order; none for NOTHING and FULL. The
/// connection must have exact_text_settings (type names are printed with search_path = pg_catalog).
/// Locks no table. Throws as Connection::exec. Servers from 13 on.
model::Definitions read_definitions(Connection& connection, const std::vector<std::string>& schemas,
                                    const std::vector<model::RelationName>& excluded);

/// The same of this one table; without a table when there is none of that name.
model::Definitions read_definition(Connection& connection, const model::RelationName& relation);

}  // namespace ardent::pq
