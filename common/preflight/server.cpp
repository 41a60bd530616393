// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include "common/base/error.hpp"

#include <cstdlib>

namespace ardent::preflight {

namespace {

constexpr const char* k_observe_server = R"(
SELECT pg_catalog.current_setting('server_version_num'),
       pg_catalog.current_setting('server_version'),
       pg_catalog.current_setting('port'),
       pg_catalog.current_database(),
       pg_catalog.pg_encoding_to_char(d.encoding),
       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_superuser') THEN 'rds'
            WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'supabase_admin') THEN 'supabase'
            ELSE 'vanilla'
       END,
       (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'ardent'),
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE'),
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1::text),
       pg_catalog.quote_ident(pg_catalog.current_database()),
       pg_catalog.quote_ident($1::text),
       pg_catalog.version()
  FROM pg_catalog.pg_database AS d
 WHERE d.datname = pg_catalog.current_database()
)";

}  // namespace

Server observe_server(QueryRunner& runner, const std::string& role) {
    const Rows rows = runner.run(k_observe_server, {role});
    if (rows.empty()) {
        throw base::Error(base::ErrorKind::source, "the current database is not in pg_database");
    }
    const Row& row = rows.front();
    const auto text = [&row](std::size_t column) { return row.at(column).value_or(""); };
    Server server;
    server.version_num = static_cast<int>(std::strtol(text(0).c_str(), nullptr, 10));
    server.version = text(1);
    server.port = text(2);
    server.database = text(3);
    server.encoding = text(4);
    server.provider = text(5);
    server.extension_version = text(6);
    server.in_recovery = text(7) == "t";
    server.reads_settings = text(8) == "t";
    server.role_exists = text(9) == "t";
    server.quoted_database = text(10);
    server.quoted_role = text(11);
    server.product = text(12);
    return server;
}

}  // namespace ardent::preflight
