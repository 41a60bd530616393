// SPDX-License-Identifier: PostgreSQL
#include "common/pq/collation.hpp"

namespace ardent::pq {

namespace {

constexpr int k_tells_of_databases = 150000;

constexpr const char* k_version = R"sql(
SELECT pg_catalog.pg_database_collation_actual_version(d.oid)
  FROM pg_catalog.pg_database AS d
 WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
)sql";

// Up to 14 a database has the C library's collations only, and each has one of that name.
constexpr const char* k_version_by_name = R"sql(
SELECT pg_catalog.pg_collation_actual_version(c.oid)
  FROM pg_catalog.pg_database AS d
  JOIN pg_catalog.pg_collation AS c
    ON c.collcollate OPERATOR(pg_catalog.=) d.datcollate
   AND c.collprovider OPERATOR(pg_catalog.=) 'c'
   AND c.collencoding OPERATOR(pg_catalog.=) ANY (ARRAY[-1, d.encoding])
 WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
 ORDER BY c.oid
 LIMIT 1
)sql";

}  // namespace

std::optional<std::string> collation_version(Connection& connection) {
    const bool tells = connection.server_version() >= k_tells_of_databases;
    return connection.value(tells ? k_version : k_version_by_name);
}

}  // namespace ardent::pq
