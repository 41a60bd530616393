// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/statistics.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <map>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using Names = std::vector<std::string>;

// A partitioned table's ANALYZE is one of its leaves as well.
constexpr const char* k_tables = R"sql(
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_has_role(c.relowner, 'USAGE')
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,m,p}') AND NOT c.relispartition AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
   AND NOT c.relisshared
 ORDER BY c.oid
)sql";

void analyze(pq::Connection& connection, const Names& tables, std::vector<std::string>& warnings) {
    if (tables.empty()) {
        return;
    }
    try {
        connection.exec("ANALYZE " + base::join(tables, ", "));
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::transient) {
            throw;
        }
        if (tables.size() == 1) {
            warnings.push_back("there are no statistics of " + tables.front() +
                               " for queries in the replica: " + error.what());
            return;
        }
        for (const std::string& table : tables) {
            analyze(connection, {table}, warnings);
        }
    }
}

}  // namespace

void collect_statistics(Superuser& admin, pq::Connection& apply, const WriterPaths& paths,
                        std::vector<std::string>& warnings) {
    const pq::Result found = apply.exec(k_tables);
    std::map<std::string, Names> tables;  // by search_path
    Names others;
    for (int row = 0; row < found.rows(); ++row) {
        Names& list =
            found.text(row, 2) == "t" ? tables[paths.of(std::string(found.text(row, 0)))] : others;
        list.emplace_back(found.text(row, 1));
    }
    for (const auto& [path, names] : tables) {
        apply.exec("SELECT pg_catalog.set_config('search_path', $1, false)", {path});
        analyze(apply, names, warnings);
    }
    analyze(*admin, others, warnings);
}

}  // namespace ardent::environment
