// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/provider.hpp"

#include <cstdlib>

namespace ardent::preflight {

namespace {

constexpr const char* k_not_allowed = "42501";

// A setting is asked for by its name: pg_settings does not show those that no library has defined.
constexpr const char* k_observe_server = R"(
SELECT pg_catalog.current_setting('server_version_num'),
       pg_catalog.current_setting('server_version'),
       pg_catalog.current_setting('port'),
       pg_catalog.current_database(),
       pg_catalog.pg_encoding_to_char(d.encoding),
       (SELECT pg_catalog.string_agg(s.sign, E'\n' ORDER BY s.sign)
          FROM (SELECT 'role ' || r.rolname AS sign FROM pg_catalog.pg_roles AS r
                UNION
                SELECT 'schema ' || n.nspname FROM pg_catalog.pg_namespace AS n
                UNION
                SELECT 'extension ' || e.extname FROM pg_catalog.pg_extension AS e
                UNION
                SELECT 'function ' || f.proname FROM pg_catalog.pg_proc AS f
                 WHERE f.proname = 'aurora_version'
                UNION
                SELECT ('setting ' || g.name) COLLATE pg_catalog."C" FROM pg_catalog.unnest($3::text[]) AS g (name)
                 WHERE pg_catalog.current_setting(g.name, true) IS NOT NULL) AS s
         WHERE s.sign = ANY ($2::text[]) OR pg_catalog.starts_with(s.sign, 'setting ')),
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

/// A setting that is there but must not be told to this caller is no answer: the other signs are.
Rows look(QueryRunner& runner, const std::string& role) {
    const std::string signs = array_text(known_signs());
    try {
        return runner.run(k_observe_server, {role, signs, array_text(known_settings())});
    } catch (const base::Error& e) {
        if (e.sqlstate() != k_not_allowed) {
            throw;
        }
        return runner.run(k_observe_server, {role, signs, array_text({})});
    }
}

/// GRANT takes these for everybody and for nobody, also in double quotes; no role can have such a
/// name.
void refuse_no_role(const std::string& role) {
    if (role.empty() || role == "public" || role == "none") {
        throw base::Error(base::ErrorKind::config, "\"" + role + "\" is no role's name",
                          "Name a role of its own for replication, for example ardent_replication.",
                          "22023");
    }
}

}  // namespace

Server observe_server(QueryRunner& runner, const std::string& role, const std::string& provider) {
    refuse_no_role(role);
    const Rows rows = look(runner, role);
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
    if (!text(5).empty()) {
        server.provider_signs = base::split(text(5), '\n');
    }
    server.provider = provider.empty() ? detect_provider(server.provider_signs).name : provider;
    server.extension_version = text(6);
    server.in_recovery = text(7) == "t";
    server.reads_settings = text(8) == "t";
    server.role_exists = text(9) == "t";
    server.quoted_database = text(10);
    server.quoted_role = text(11);
    server.product = text(12);
    return server;
}

std::string provider_of(QueryRunner& runner, const std::string& given) {
    return given.empty() ? observe_server(runner, k_default_role).provider : given;
}

}  // namespace ardent::preflight
