// SPDX-License-Identifier: PostgreSQL
#include "agent/source/ddl_keys.hpp"

#include "agent/source/generated.hpp"
#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"
#include "common/pq/table_catalog.hpp"

#include <algorithm>
#include <array>

namespace ardent::agent {

namespace {

constexpr const char* k_position = R"sql(
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_insert_lsn() END
)sql";

constexpr const char* k_place = R"sql(
SELECT (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()),
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
)sql";

constexpr const char* k_keys = R"sql(
SELECT o.option_name, o.option_value
  FROM pg_catalog.pg_user_mappings AS m, pg_catalog.pg_options_to_table(m.umoptions) AS o
 WHERE m.srvname = 'ardent_ddl' AND m.usename = current_user
)sql";

// A part of a server, which none has: nobody but ardent_ddl_capture() locks it
// (extension/src/capture/key.cpp).
constexpr const char* k_changing = R"sql(
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                WHERE l.locktype = 'object' AND l.granted AND l.mode = 'AccessExclusiveLock'
                  AND l.classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass AND l.objsubid = 14
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                     WHERE d.datname = pg_catalog.current_database()))
)sql";

constexpr std::string_view k_key_option = "key_";
constexpr std::string_view k_made_option = "made_";

void read_keys(pq::Connection& connection, protocol::DdlSource& source) {
    const pq::Result options = connection.exec(k_keys);
    for (int row = 0; row < options.rows(); ++row) {
        const std::string_view name = options.text(row, 0);
        const std::string_view value = options.text(row, 1);
        if (name.starts_with(k_key_option)) {
            source.keys.emplace(name.substr(k_key_option.size()), value);
        } else if (const auto made = model::parse_lsn(value);
                   made && name.starts_with(k_made_option)) {
            source.made.emplace(name.substr(k_made_option.size()), *made);
        }
    }
}

model::Lsn read_position(pq::Connection& connection) {
    return model::parse_lsn(connection.value(k_position).value_or("")).value_or(model::Lsn{});
}

}  // namespace

protocol::DdlSource read_ddl_source(pq::Connection& connection) {
    protocol::DdlSource source;
    const pq::Result place = connection.exec(k_place);
    source.database_oid = place.number<std::uint32_t>(0, 0);
    source.next_xid = place.number<std::uint64_t>(0, 1);
    read_keys(connection, source);
    const pq::Result roles =
        connection.exec("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper ORDER BY rolname");
    for (int row = 0; row < roles.rows(); ++row) {
        source.superusers.emplace_back(roles.text(row, 0));
    }
    return source;
}

KeyLook look_at_keys(pq::Connection& connection, const std::set<std::string>& prefixes) {
    if (connection.value(k_changing) == "t") {
        return KeyLook::changing;
    }
    protocol::DdlSource source;
    read_keys(connection, source);
    const std::set<std::string> now = decode::prefixes_of(source.keys);
    return std::includes(prefixes.begin(), prefixes.end(), now.begin(), now.end()) ? KeyLook::known
                                                                                   : KeyLook::more;
}

protocol::SchemaReport read_schema_report(pq::Connection& connection, const std::string& session,
                                          const std::vector<std::string>& schemas,
                                          const std::vector<model::RelationName>& excluded) {
    protocol::SchemaReport report;
    report.session = session;
    report.snapshot = connection.value("SELECT pg_catalog.pg_current_snapshot()").value_or("");
    report.definitions = pq::read_definitions(connection, schemas, excluded);
    report.generated = read_generated(connection, schemas);
    report.lsn = read_position(connection);
    return report;
}

}  // namespace ardent::agent
