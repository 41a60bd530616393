// SPDX-License-Identifier: PostgreSQL
#include "agent/source/generated.hpp"

#include "common/pq/array_text.hpp"

namespace ardent::agent {

namespace {

constexpr const char* k_generated = R"sql(
SELECT n.nspname, c.relname, a.attname, d.oid
  FROM pg_catalog.pg_attrdef AS d
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  JOIN pg_catalog.pg_class AS c ON c.oid = d.adrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE a.attgenerated <> '' AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($1::pg_catalog.text[])
 ORDER BY c.oid, a.attnum
)sql";

}  // namespace

std::vector<protocol::GeneratedColumn> read_generated(pq::Connection& connection,
                                                      const std::vector<std::string>& schemas) {
    const pq::Result result = connection.exec(k_generated, {pq::array_text(schemas)});
    std::vector<protocol::GeneratedColumn> columns;
    for (int row = 0; row < result.rows(); ++row) {
        columns.push_back({{std::string(result.text(row, 0)), std::string(result.text(row, 1))},
                           std::string(result.text(row, 2)),
                           result.number<std::uint32_t>(row, 3)});
    }
    return columns;
}

}  // namespace ardent::agent
