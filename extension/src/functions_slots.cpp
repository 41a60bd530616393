// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/query_runner.hpp"

#include "extension/src/pg/query.hpp"
#include "extension/src/pg/values.hpp"

namespace {

using namespace ardent;
namespace pg = ardent::ext::pg;

// Bytes a second since the statistics were reset; before 14 the server does not count them.
constexpr const char* k_wal_rate = R"(
SELECT (w.wal_bytes / greatest(extract(epoch FROM pg_catalog.now() - w.stats_reset), 1))::bigint
  FROM pg_catalog.pg_stat_wal AS w
)";

constexpr const char* k_slots = R"(
SELECT s.slot_name, s.database, s.active, s.active_pid, s.wal_status, s.restart_lsn,
       s.confirmed_flush_lsn,
       (here.lsn - s.confirmed_flush_lsn)::bigint,
       (here.lsn - s.restart_lsn)::bigint,
       room.bytes,
       $2::bigint,
       CASE WHEN $2::bigint > 0
            THEN pg_catalog.make_interval(secs => room.bytes::float8 / $2::bigint)
       END
  FROM pg_catalog.pg_replication_slots AS s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN pg_catalog.pg_last_wal_replay_lsn()
                         ELSE pg_catalog.pg_current_wal_lsn()
                    END) AS here (lsn)
 CROSS JOIN LATERAL (SELECT CASE WHEN s.safe_wal_size IS NOT NULL AND $1 IS NOT NULL
                                 THEN least(s.safe_wal_size, $1::bigint)
                                 ELSE coalesce(s.safe_wal_size, $1::bigint)
                            END) AS room (bytes)
 WHERE pg_catalog.starts_with(s.slot_name, 'ardent_')
 ORDER BY s.slot_name
)";

preflight::Cell wal_rate(pg::SpiRunner& runner) {
    if (!pg::k_has_wal_statistics) {
        return std::nullopt;
    }
    const preflight::Rows rows = runner.run(k_wal_rate, {});
    return rows.empty() ? preflight::Cell() : rows.front().at(0);
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(ardent_slots);

PGDLLEXPORT Datum ardent_slots(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        return pg::rows_result(fcinfo,
                               runner.run(k_slots, {pg::wal_disk_free(), wal_rate(runner)}));
    });
}
}
