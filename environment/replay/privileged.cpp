// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/privileged.hpp"

#include "common/process/log.hpp"
#include "environment/replica/replica.hpp"

namespace ardent::replay {

namespace {

// The target transaction that asks may itself hold the lock.
constexpr const char* k_lock_timeout = "SET lock_timeout = '10s'";

constexpr const char* k_has_wrapper = R"sql(
SELECT EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper
                WHERE fdwname OPERATOR(pg_catalog.=) $1)
)sql";

}  // namespace

environment::Superuser& Privileged::superuser() {
    if (!m_superuser || !(*m_superuser)->ok()) {
        m_superuser.emplace(m_options);
        (*m_superuser)->exec(k_lock_timeout);
    }
    return *m_superuser;
}

void Privileged::create_role(const std::string& role) {
    if (m_made >= k_most_roles) {
        throw base::Error(base::ErrorKind::replica,
                          "statements of the source name more than " +
                              std::to_string(k_most_roles) +
                              " roles that the replica does not have; the next one is " + role,
                          "If the source really has that many, run retry-setup: it goes on with "
                          "as many again.");
    }
    environment::create_source_role(superuser(), role);
    ++m_made;
}

void Privileged::create_outside_schema(const std::string& schema) {
    environment::create_outside_schema(superuser(), schema);
}

void Privileged::lend_admin() {
    environment::lend_admin(superuser());
}

void Privileged::take_back_admin() {
    environment::take_back_admin(superuser());
}

void Privileged::create_inert_wrapper() {
    environment::Superuser& admin = superuser();
    if (admin->value(k_has_wrapper, {k_inert_wrapper}) == "f") {
        admin->exec(std::string("CREATE FOREIGN DATA WRAPPER ") + k_inert_wrapper);
    }
    admin->exec(std::string("GRANT USAGE ON FOREIGN DATA WRAPPER ") + k_inert_wrapper + " TO " +
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
        m_superuser.emplace(m_connection);
    } catch (...) {
        m_privileged.take_back_admin();
        throw;
    }
}

// A replica that cannot be reached here is asked again before the next worker begins
// (environment/connector).
AsAdmin::~AsAdmin() {
    if (m_superuser) {
        try {
            m_privileged.take_back_admin();
        } catch (const std::exception& error) {
            process::log_warning("the superuser's role is not taken back yet",
                                 {{"error", error.what()}});
        }
    }
}

void AsAdmin::leave() {
    m_superuser->give_back();
    m_superuser.reset();
    m_privileged.take_back_admin();
    hear_of_others(m_connection);
}

}  // namespace ardent::replay
