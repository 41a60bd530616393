// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/superuser.hpp"

namespace ardent::environment {

namespace {

// Over those that make text exact. pg_temp last: where it is not named it comes first, for tables
// and types.
const std::map<std::string, std::string>& own_settings() {
    static const std::map<std::string, std::string> settings = {
        {"search_path", "pg_catalog, pg_temp"},
        {"standard_conforming_strings", "on"},
        {"backslash_quote", "safe_encoding"},
        {"transform_null_equals", "off"},
        {"check_function_bodies", "on"},
        {"default_table_access_method", "heap"},
        {"default_tablespace", ""},
        {"temp_tablespaces", ""},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"local_preload_libraries", ""},
        {"xmlbinary", "base64"}};
    return settings;
}

}  // namespace

std::map<std::string, std::string> pinned_settings() {
    std::map<std::string, std::string> settings = pq::exact_text_settings();
    for (const auto& [name, value] : own_settings()) {
        settings.insert_or_assign(name, value);
    }
    return settings;
}

// SET ROLE NONE and not RESET ROLE, which goes to what ALTER ROLE … SET role or ALTER DATABASE …
// SET role says.
void clean_session(pq::Connection& connection) {
    // one call, because it is made for each statement that is replayed, twice
    connection.reset_settings(
        "SET ROLE NONE; CLOSE ALL; DEALLOCATE ALL; DISCARD TEMP; UNLISTEN *; ");
}

pq::ConnectOptions Superuser::options(const Instance& instance, const std::string& database,
                                      base::ErrorKind kind) {
    return instance.connect_options(k_admin_role, database, kind);
}

Superuser::Superuser(pq::ConnectOptions options) {
    for (const auto& [name, value] : pinned_settings()) {
        options.settings.insert_or_assign(name, value);
    }
    m_connection = std::make_shared<pq::Connection>(options);
    m_connection->one_statement_a_call(true);
    m_connection->exec("SET ROLE NONE");
}

// What the session began with are the pinned settings (environment/apply/replica_session.cpp);
// cleaning goes back to them.
Superuser::Superuser(pq::Connection& lent)
    : m_connection(std::shared_ptr<pq::Connection>(), &lent) {
    clean_session(lent);
    lent.exec(std::string("SET LOCAL ROLE ") + k_admin_role);
    lent.one_statement_a_call(true);
}

Superuser::~Superuser() {
    if (m_connection) {
        m_connection->one_statement_a_call(false);
    }
}

void Superuser::give_back() {
    m_connection->one_statement_a_call(false);
    clean_session(*m_connection);
}

bool is_own_role(std::string_view role) {
    return role == k_admin_role || role == k_apply_role || role == k_reader_role ||
           role == k_nobody_role;
}

bool is_reserved_role(std::string_view role) {
    return is_own_role(role) || role.starts_with("pg_");
}

void lend_admin(const Superuser& admin) {
    admin->exec(std::string("GRANT ") + k_admin_role + " TO " + k_apply_role);
}

void take_back_admin(const Superuser& admin) {
    const pq::Value lent = admin->value(
        R"sql(
        SELECT EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m
                         JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) m.roleid
                         JOIN pg_catalog.pg_roles AS u ON u.oid OPERATOR(pg_catalog.=) m.member
                        WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
                          AND u.rolname OPERATOR(pg_catalog.=) $2::pg_catalog.name)
        )sql",
        {k_admin_role, k_apply_role});
    if (lent == "t") {
        admin->exec(std::string("REVOKE ") + k_admin_role + " FROM " + k_apply_role);
    }
}

}  // namespace ardent::environment
