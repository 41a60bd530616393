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

// Empty while capture is on, as far as catalogs tell: four event triggers that fire always
// (common/preflight/checks_capture.cpp looks at the same).
constexpr const char* k_not_capturing = R"sql(
SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = 'ardent')
            THEN 'the extension ardent is not in the database'
            WHEN t.enabled = 0 THEN 'DDL capture is switched off'
            WHEN t.enabled < 4 THEN 'not all of the event triggers of DDL capture fire always'
            WHEN pg_catalog.current_setting('event_triggers', true) IN ('off', 'false', 'no', '0')
            THEN 'event_triggers is off'
            ELSE '' END
  FROM (SELECT pg_catalog.count(*) FILTER (WHERE e.evtenabled = 'A') AS enabled
          FROM pg_catalog.pg_event_trigger AS e
          JOIN pg_catalog.pg_proc AS p ON p.oid = e.evtfoid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = 'ardent') AS t
)sql";

// Loads the library. The session's first call would fail as every DDL does.
constexpr const char* k_load_library = "SELECT FROM ardent.ddl_tags() LIMIT 1";

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

std::string why_not_capturing(pq::Connection& connection, const protocol::DdlSource& source) {
    std::string reason = connection.value(k_not_capturing).value_or("");
    if (!reason.empty()) {
        return reason;
    }
    if (source.keys.empty()) {
        return "the agent's role cannot read the key that messages are signed with";
    }
    try {
        connection.exec(k_load_library);
    } catch (const pq::QueryError& error) {
        return std::string("the library of the extension cannot be loaded: ") + error.what();
    }
    return {};
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
    source.not_capturing = why_not_capturing(connection, source);
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

std::string why_not_capturing(pq::Connection& connection) {
    protocol::DdlSource source;
    read_keys(connection, source);
    return why_not_capturing(connection, source);
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
