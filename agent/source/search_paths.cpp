// SPDX-License-Identifier: PostgreSQL
#include "agent/source/search_paths.hpp"

#include "agent/source/connect.hpp"
#include "common/pq/array_text.hpp"

namespace ardent::agent {

namespace {

// In the order of process_settings(), utils/init/postinit.c: the first that has one counts. The
// role 0 are all roles, the database 0 are all databases.
constexpr const char* k_paths = R"sql(
WITH here (oid) AS (
    SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
), set_for (role, database, path) AS (
    SELECT s.setrole, s.setdatabase, pg_catalog.substr(c.word, pg_catalog.length('search_path=') + 1)
      FROM pg_catalog.pg_db_role_setting AS s
     CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (word)
     WHERE s.setdatabase IN (SELECT oid FROM here UNION ALL SELECT 0)
       AND pg_catalog.starts_with(c.word, 'search_path=')
), of_roles (role, path) AS (
    SELECT DISTINCT ON (s.role) s.role, s.path FROM set_for AS s ORDER BY s.role, s.database DESC
)
SELECT r.rolname, o.path, r.rolname = current_user,
       EXISTS (SELECT FROM pg_catalog.pg_class AS c
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE c.relowner = o.role AND c.relkind IN ('r', 'p')
                  AND n.nspname = ANY ($1::pg_catalog.text[]))
  FROM of_roles AS o
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = o.role
)sql";

}  // namespace

model::SearchPaths read_search_paths(const SourceSettings& source) {
    pq::Connection connection = connect_with_own_path(source, "search path");
    const std::string own = connection.value("SHOW search_path").value_or("");
    connection.exec("SET search_path = pg_catalog");
    const pq::Result found = connection.exec(k_paths, {pq::array_text(source.schemas)});
    model::SearchPaths paths;
    std::optional<std::string> of_all;
    bool own_is_usual = true;  // what neither role nor database sets is the server's
    for (int row = 0; row < found.rows(); ++row) {
        if (found.is_null(row, 0)) {
            of_all = found.text(row, 1);
        } else {
            own_is_usual = own_is_usual && found.text(row, 2) != "t";
        }
        if (found.text(row, 3) == "t") {
            paths.roles[std::string(found.text(row, 0))] = found.text(row, 1);
        }
    }
    if (of_all || own_is_usual) {
        paths.usual = of_all.value_or(own);
    }
    return paths;
}

}  // namespace ardent::agent
