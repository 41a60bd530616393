// SPDX-License-Identifier: PostgreSQL
#include "agent/source/identity.hpp"

#include "common/pq/collation.hpp"

namespace ardent::agent {

namespace {

constexpr int k_has_icu_locale = 150000;
constexpr int k_has_icu_rules = 160000;
constexpr int k_has_any_locale = 170000;
constexpr int k_decodes_in_recovery = 160000;

std::string database_query(int server_version) {
    std::string locale = "'c'::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text";
    if (server_version >= k_has_any_locale) {
        locale = "d.datlocprovider, d.datlocale, d.daticurules";
    } else if (server_version >= k_has_icu_rules) {
        locale = "d.datlocprovider, d.daticulocale, d.daticurules";
    } else if (server_version >= k_has_icu_locale) {
        locale = "d.datlocprovider, d.daticulocale, NULL::pg_catalog.text";
    }
    return R"sql(
SELECT d.datname, pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
       (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'ardent'), )sql" +
           locale + R"sql(
  FROM pg_catalog.pg_database AS d
 WHERE d.datname = pg_catalog.current_database()
)sql";
}

}  // namespace

protocol::SourceIdentity read_identity(pq::Connection& replication, pq::Connection& connection) {
    protocol::SourceIdentity identity;
    const pq::Result system = replication.exec("IDENTIFY_SYSTEM");
    identity.system_identifier = system.text(0, 0);
    identity.timeline = system.number<std::uint32_t>(0, 1);
    identity.server_version_num = connection.server_version();
    const pq::Result database = connection.exec(database_query(connection.server_version()));
    identity.database = database.text(0, 0);
    identity.server_encoding = database.text(0, 1);
    identity.lc_collate = database.text(0, 2);
    identity.lc_ctype = database.text(0, 3);
    identity.extension_version = database.value(0, 4);
    identity.locale_provider = database.text(0, 5);
    identity.icu_locale = database.value(0, 6);
    identity.icu_rules = database.value(0, 7);
    identity.collation_version = pq::collation_version(connection);
    return identity;
}

bool timeline_is_final(const protocol::SourceIdentity& identity, const SlotFacts& slot,
                       pq::Connection& replication, pq::Connection& connection) {
    if (connection.exec("SELECT pg_catalog.pg_is_in_recovery()").text(0, 0) == "t") {
        if (connection.server_version() < k_decodes_in_recovery) {
            throw base::Error(
                base::ErrorKind::transient, "the source is in recovery",
                "It streams once it is promoted; a standby can be a source from PostgreSQL 16 on.");
        }
        if (slot.synced) {
            throw base::Error(base::ErrorKind::transient,
                              "the source is a standby, and replication slot \"" + slot.name +
                                  "\" is kept there for its promotion",
                              "It streams once this server is promoted; until then the primary is "
                              "the source.");
        }
        return true;
    }
    return replication.exec("IDENTIFY_SYSTEM").number<std::uint32_t>(0, 1) == identity.timeline;
}

model::Lsn read_wal_end(pq::Connection& replication) {
    const pq::Result system = replication.exec("IDENTIFY_SYSTEM");
    const auto end = model::parse_lsn(system.text(0, 2));
    if (!end) {
        throw base::Error(base::ErrorKind::bug, "IDENTIFY_SYSTEM gave no WAL position");
    }
    return *end;
}

std::vector<TimelineSwitch> read_timeline_history(pq::Connection& replication,
                                                  std::uint32_t timeline) {
    if (timeline <= 1) {
        return {};
    }
    const pq::Result file = replication.exec("TIMELINE_HISTORY " + std::to_string(timeline));
    return parse_timeline_history(file.text(0, 1));
}

std::optional<std::chrono::milliseconds> wal_sender_timeout(pq::Connection& connection) {
    const pq::Result setting = connection.exec(
        "SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = 'wal_sender_timeout'");
    const auto value = setting.number<std::int64_t>(0, 0);
    return value > 0 ? std::optional(std::chrono::milliseconds(value)) : std::nullopt;
}

}  // namespace ardent::agent
