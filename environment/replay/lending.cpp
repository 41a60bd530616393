// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/lending.hpp"

#include "common/pq/array_text.hpp"

#include <string_view>

namespace ardent::replay {

namespace {

constexpr const char* k_owners = R"sql(
SELECT r.rolname
  FROM pg_catalog.pg_roles AS r
 WHERE EXISTS (SELECT FROM pg_catalog.pg_shdepend AS d
                WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid
                  AND d.deptype = 'o'
                  AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database AS b
                                 WHERE b.datname = pg_catalog.current_database()))
   AND r.rolname <> current_user AND r.rolname <> $1::pg_catalog.name AND NOT r.rolsuper
   AND r.rolname !~ '^pg_'
   AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')
   AND NOT pg_catalog.pg_has_role($1::pg_catalog.name, r.oid, 'MEMBER')
   AND NOT pg_catalog.pg_has_role(r.oid, (SELECT m.oid FROM pg_catalog.pg_roles AS m WHERE m.rolname = $1::pg_catalog.name), 'MEMBER')
)sql";

constexpr const char* k_schemas = R"sql(
SELECT n.nspname, p.privilege
  FROM pg_catalog.pg_namespace AS n
 CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS p (privilege)
 WHERE n.nspname = ANY ($1::pg_catalog.text[])
   AND NOT pg_catalog.has_schema_privilege($2::pg_catalog.name, n.oid, p.privilege)
   AND pg_catalog.pg_has_role(current_user, n.nspowner, 'MEMBER')
)sql";

constexpr const char* k_servers = R"sql(
SELECT s.srvname
  FROM pg_catalog.pg_foreign_server AS s
 WHERE pg_catalog.pg_has_role(current_user, s.srvowner, 'MEMBER')
   AND NOT pg_catalog.has_server_privilege($1::pg_catalog.name, s.oid, 'USAGE')
)sql";

}  // namespace

Lent operator|(Lent a, Lent b) noexcept {
    return static_cast<Lent>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

bool has(Lent all, Lent one) noexcept {
    return (static_cast<unsigned>(all) & static_cast<unsigned>(one)) != 0;
}

// aclcheck_error, catalog/aclchk.c; the replica's lc_messages is C.
Lent lacking(const base::Error& error) {
    const auto* const server = dynamic_cast<const pq::QueryError*>(&error);
    const std::string_view message =
        server == nullptr ? std::string_view() : std::string_view(server->told().message);
    return message.starts_with("permission denied for schema")           ? Lent::schemas
           : message.starts_with("permission denied for database")       ? Lent::database
           : message.starts_with("permission denied for foreign server") ? Lent::servers
                                                                         : Lent::owners;
}

void Lending::grant(const std::string& what, const std::string& role) {
    const std::string name = pq::quote_identifier(role);
    m_connection.exec("GRANT " + what + " TO " + name);
    m_revokes.push_back("REVOKE " + what + " FROM " + name);
}

void Lending::lend_schemas(const std::string& role) {
    const pq::Result lacking = m_connection.exec(k_schemas, {pq::array_text(m_schemas), role});
    for (int row = 0; row < lacking.rows(); ++row) {
        grant(std::string(lacking.text(row, 1)) + " ON SCHEMA " +
                  pq::quote_identifier(lacking.text(row, 0)),
              role);
    }
}

void Lending::lend(const std::string& role, Lent what) {
    if (has(what, Lent::owners)) {
        lend_owners(role);
    }
    if (has(what, Lent::schemas)) {
        lend_schemas(role);
    }
    if (has(what, Lent::servers)) {
        lend_servers(role);
    }
    if (has(what, Lent::database)) {
        lend_database(role);
    }
}

void Lending::lend_owners(const std::string& role) {
    const pq::Result owners = m_connection.exec(k_owners, {role});
    for (int row = 0; row < owners.rows(); ++row) {
        grant(pq::quote_identifier(owners.text(row, 0)), role);
    }
}

void Lending::lend_servers(const std::string& role) {
    const pq::Result servers = m_connection.exec(k_servers, {role});
    for (int row = 0; row < servers.rows(); ++row) {
        grant("USAGE ON FOREIGN SERVER " + pq::quote_identifier(servers.text(row, 0)), role);
    }
}

void Lending::lend_database(const std::string& role) {
    const pq::Result database = m_connection.exec(
        "SELECT pg_catalog.current_database(), "
        "pg_catalog.has_database_privilege($1::pg_catalog.name, "
        "pg_catalog.current_database(), 'CREATE')",
        {role});
    if (database.text(0, 1) == "f") {
        grant("CREATE ON DATABASE " + pq::quote_identifier(database.text(0, 0)), role);
    }
}

void Lending::lend_membership(const std::string& role, const std::string& other) {
    const pq::Value member = m_connection.value(
        "SELECT pg_catalog.pg_has_role($1::pg_catalog.name, $2::pg_catalog.name, 'MEMBER')",
        {role, other});
    if (member == "f") {
        grant(pq::quote_identifier(other), role);
    }
}

void Lending::lend_ownership(const std::string& role, const std::string& owner) {
    lend_membership(role, owner);
    lend_schemas(owner);
}

void Lending::take_back() {
    for (auto revoke = m_revokes.rbegin(); revoke != m_revokes.rend(); ++revoke) {
        m_connection.exec(*revoke);
    }
    m_revokes.clear();
}

}  // namespace ardent::replay
