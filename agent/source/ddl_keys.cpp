// SPDX-License-Identifier: PostgreSQL
#include "agent/source/ddl_keys.hpp"

#include "agent/source/generated.hpp"
#include "common/pq/table_catalog.hpp"

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

constexpr std::string_view k_key_option = "key_";

model::Lsn read_position(pq::Connection& connection) {
    return model::parse_lsn(connection.value(k_position).value_or("")).value_or(model::Lsn{});
}

}  // namespace

protocol::DdlSource read_ddl_source(pq::Connection& connection) {
    protocol::DdlSource source;
    source.lsn = read_position(connection);  // first: no key from before it is missed
    const pq::Result place = connection.exec(k_place);
    source.database_oid = place.number<std::uint32_t>(0, 0);
    source.next_xid = place.number<std::uint64_t>(0, 1);
    const pq::Result keys = connection.exec(k_keys);
    for (int row = 0; row < keys.rows(); ++row) {
        const std::string_view name = keys.text(row, 0);
        if (name.starts_with(k_key_option)) {
            source.keys.emplace(name.substr(k_key_option.size()), keys.text(row, 1));
        }
    }
    const pq::Result roles =
        connection.exec("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper ORDER BY rolname");
    for (int row = 0; row < roles.rows(); ++row) {
        source.superusers.emplace_back(roles.text(row, 0));
    }
    return source;
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
