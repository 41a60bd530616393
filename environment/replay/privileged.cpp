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

void Privileged::create_extension(const ExtensionWords& words, const std::string& default_schema) {
    pq::Connection& admin = connection();
    if (admin.exec("SELECT FROM pg_catalog.pg_extension WHERE extname = $1", {words.name}).rows() >
        0) {
        return;
    }
    std::string version = words.version.value_or("");
    if (version.empty()) {
        version = admin
                      .exec(
                          "SELECT default_version FROM pg_catalog.pg_available_extensions WHERE "
                          "name = $1",
                          {words.name})
                      .text(0, 0);
    }
    std::vector<std::string> warnings;
    environment::create_extension(
        admin, {words.name, version, words.schema.value_or(default_schema)}, warnings);
    environment::grant_reader(admin);
    for (const std::string& warning : warnings) {
        process::log_warning(warning);
    }
}

void Privileged::alter_extension(const ExtensionWords& words) {
    const std::string name = pq::quote_identifier(words.name);
    if (words.version || !words.schema) {
        connection().exec("ALTER EXTENSION " + name + " UPDATE" +
                          (words.version ? " TO " + pq::quote_identifier(*words.version) : ""));
    } else {
        connection().exec("ALTER EXTENSION " + name + " SET SCHEMA " +
                          pq::quote_identifier(*words.schema));
    }
}

void Privileged::drop_extension(const std::string& name) {
    connection().exec("DROP EXTENSION IF EXISTS " + pq::quote_identifier(name) + " CASCADE");
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

}  // namespace ardent::replay
