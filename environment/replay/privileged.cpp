// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/privileged.hpp"

#include "common/process/log.hpp"
#include "environment/replica/replica.hpp"

namespace ardent::replay {

namespace {

// The target transaction that asks may itself hold the lock.
constexpr const char* k_lock_timeout = "SET lock_timeout = '10s'";

}  // namespace

pq::Connection& Privileged::connection() {
    if (!m_connection || !m_connection->ok()) {
        m_connection = std::make_unique<pq::Connection>(m_options);
        m_connection->exec(k_lock_timeout);
    }
    return *m_connection;
}

void Privileged::create_role(const std::string& role) {
    environment::create_source_role(connection(), role);
}

void Privileged::lend_admin() {
    environment::lend_admin(connection());
}

void Privileged::take_back_admin() {
    environment::take_back_admin(connection());
}

void Privileged::create_inert_wrapper() {
    pq::Connection& admin = connection();
    if (admin
            .exec("SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = $1",
                  {k_inert_wrapper})
            .rows() == 0) {
        admin.exec(std::string("CREATE FOREIGN DATA WRAPPER ") + k_inert_wrapper);
    }
    admin.exec(std::string("GRANT USAGE ON FOREIGN DATA WRAPPER ") + k_inert_wrapper + " TO " +
               environment::k_apply_role);
}

void hear_of_others(pq::Connection& connection) {
    connection.exec(
        "SAVEPOINT ardent_hear; SELECT FROM pg_catalog.pg_db_role_setting LIMIT 0; "
        "ROLLBACK TO SAVEPOINT ardent_hear; RELEASE SAVEPOINT ardent_hear");
}

AsAdmin::AsAdmin(pq::Connection& connection, Privileged& privileged)
    : m_connection(connection), m_privileged(privileged) {
    m_privileged.lend_admin();
    try {
        hear_of_others(m_connection);
        m_connection.exec(std::string("SET LOCAL ROLE ") + environment::k_admin_role);
    } catch (...) {
        m_privileged.take_back_admin();
        throw;
    }
}

// A replica that cannot be reached here is asked again before the next worker begins (environment/connector).
AsAdmin::~AsAdmin() {
    if (!m_left) {
        try {
            m_privileged.take_back_admin();
        } catch (const std::exception& error) {
            process::log_warning("the superuser's role is not taken back yet",
                                 {{"error", error.what()}});
        }
    }
}

void AsAdmin::leave() {
    m_connection.exec("SET LOCAL ROLE TO DEFAULT");
    m_privileged.take_back_admin();
    m_left = true;
    hear_of_others(m_connection);
}

}  // namespace ardent::replay
