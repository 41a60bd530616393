// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/writer_functions.hpp"

#include "common/base/error.hpp"
#include "environment/state/secrets.hpp"

#include <array>

namespace ardent::environment {

namespace {

// replica/src/functions.cpp has the same number.
constexpr const char* k_version = "1";
constexpr std::size_t k_secret_bytes = 32;

// None has a SET clause: they look no name up, and what they call of the source has settings of its
// own (replica/src/table.hpp).
constexpr const char* k_create_version = R"sql(
CREATE OR REPLACE FUNCTION ardent.replica_version() RETURNS pg_catalog.int4
    LANGUAGE c IMMUTABLE AS 'ardent_replica', 'ardent_replica_version'
)sql";

constexpr std::array<const char*, 8> k_create = {
    R"sql(
CREATE TABLE IF NOT EXISTS ardent.writer (
    singleton pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (singleton),
    hash      pg_catalog.bytea NOT NULL  -- SHA-256 of the secret
)
)sql",
    R"sql(
DROP FUNCTION IF EXISTS
    ardent.open_writer, ardent.write_rows, ardent.copy_rows, ardent.truncate_tables,
    ardent.advance_progress
)sql",
    R"sql(
CREATE FUNCTION ardent.open_writer(secret pg_catalog.bytea) RETURNS pg_catalog.void
    LANGUAGE c STRICT AS 'ardent_replica', 'ardent_open_writer'
)sql",
    R"sql(
CREATE FUNCTION ardent.write_rows(
    secret pg_catalog.bytea, relation pg_catalog.oid, search_path pg_catalog.text,
    identity pg_catalog.int2[], columns pg_catalog.int2[], operations pg_catalog.bytea)
    RETURNS pg_catalog.void LANGUAGE c STRICT AS 'ardent_replica', 'ardent_write_rows'
)sql",
    R"sql(
CREATE FUNCTION ardent.copy_rows(
    secret pg_catalog.bytea, relation pg_catalog.oid, search_path pg_catalog.text,
    columns pg_catalog.int2[], lines pg_catalog.bytea, frozen pg_catalog.bool)
    RETURNS pg_catalog.int8 LANGUAGE c STRICT AS 'ardent_replica', 'ardent_copy_rows'
)sql",
    R"sql(
CREATE FUNCTION ardent.truncate_tables(secret pg_catalog.bytea, relations pg_catalog.oid[])
    RETURNS pg_catalog.void LANGUAGE c STRICT AS 'ardent_replica', 'ardent_truncate_tables'
)sql",
    R"sql(
CREATE FUNCTION ardent.advance_progress(
    secret pg_catalog.bytea, durable pg_catalog.pg_lsn, commit_timestamp pg_catalog.timestamptz,
    before pg_catalog.pg_lsn, timeline pg_catalog.int8)
    RETURNS pg_catalog.void LANGUAGE c AS 'ardent_replica', 'ardent_advance_progress'
)sql",
    R"sql(
REVOKE ALL ON FUNCTION
    ardent.open_writer, ardent.write_rows, ardent.copy_rows, ardent.truncate_tables,
    ardent.advance_progress FROM PUBLIC
)sql"};

// replica/src/functions.cpp, lock_writer. The lock stands for "applies into this database". Its
// holder is gone once its last transaction is over, so after it the progress row says all there is
// to say.
constexpr const char* k_end_other = R"sql(
SELECT pg_catalog.pg_terminate_backend(l.pid)
  FROM pg_catalog.pg_locks AS l
 WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted
   AND l.database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
   AND l.classid OPERATOR(pg_catalog.=) 0 AND l.objid OPERATOR(pg_catalog.=) 1098015845 AND l.objsubid OPERATOR(pg_catalog.=) 3
)sql";
constexpr std::string_view k_lock_not_available = "55P03";

bool has_functions(Superuser& privileged) {
    return privileged->value("SELECT pg_catalog.to_regproc('ardent.advance_progress')").has_value();
}

/// The library's version, of the file that the server finds now.
std::string library_version(Superuser& privileged) {
    try {
        privileged->exec(k_create_version);
        return privileged->value("SELECT ardent.replica_version()").value_or("");
    } catch (const base::Error& error) {
        if (error.kind() == base::ErrorKind::transient) {
            throw;
        }
        const std::string major = std::to_string(privileged->server_version() / 10000);
        throw base::Error(base::ErrorKind::replica,
                          "the replica's PostgreSQL " + major +
                              " cannot load the library ardent_replica: " + error.what(),
                          "Install the package ardent-replica-" + major +
                              " on this host, or build it: make install-replica "
                              "PG_CONFIG=/usr/lib/postgresql/" +
                              major + "/bin/pg_config; then run retry-setup.",
                          error.sqlstate());
    }
}

}  // namespace

void create_writer_functions(Superuser& privileged, std::string_view role) {
    const std::string version = library_version(privileged);
    if (version != k_version) {
        throw base::Error(base::ErrorKind::replica,
                          "the library ardent_replica of the replica's server is of version " +
                              version + ", this environment needs version " + k_version,
                          "Install the library and the environment from the same release.");
    }
    privileged->exec("BEGIN");
    const std::string known =
        privileged->value("SELECT pg_catalog.obj_description('ardent'::pg_catalog.regnamespace)")
            .value_or("");
    const std::string wanted = std::string("Ardent: functions of version ") + k_version;
    if (known != wanted || !has_functions(privileged)) {
        for (const char* const statement : k_create) {
            privileged->exec(statement);
        }
        privileged->exec(
            "GRANT EXECUTE ON FUNCTION ardent.open_writer, ardent.write_rows, ardent.copy_rows, "
            "ardent.truncate_tables, ardent.advance_progress TO " +
            pq::quote_identifier(role));
        privileged->exec("COMMENT ON SCHEMA ardent IS " + privileged->quote_literal(wanted));
    }
    privileged->exec("COMMIT");
}

void set_writer_secret(Superuser& privileged, const std::string& secret) {
    privileged->exec(R"sql(
        INSERT INTO ardent.writer (hash)
        VALUES (pg_catalog.sha256($1::pg_catalog.bytea))
        ON CONFLICT (singleton) DO UPDATE SET hash = excluded.hash
        )sql",
                     {secret});
}

std::string renew_writer_secret(Superuser& privileged) {
    std::string secret = "\\x" + random_hex(k_secret_bytes);
    set_writer_secret(privileged, secret);
    return secret;
}

void open_writer(pq::Connection& connection, const std::string& secret) {
    connection.exec(k_end_other);
    connection.exec("SET lock_timeout = '10s'");
    try {
        connection.exec("SELECT ardent.open_writer($1::pg_catalog.bytea)", {secret});
    } catch (const base::Error& error) {
        if (error.sqlstate() != k_lock_not_available) {
            throw;
        }
        throw base::Error(base::ErrorKind::transient,
                          connection.name() + ": another session still applies: " + error.what(),
                          "It ends by itself once its last statement is over.", error.sqlstate());
    }
    connection.exec("SET lock_timeout = 0");
}

}  // namespace ardent::environment
