// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

namespace ardent::preflight {

// What the role's sessions in this database get: the most specific of ALTER ROLE and ALTER
// DATABASE, or else the server's value, which cannot be seen where this session has one of its own.
// Times in ms, sizes in kB.
const Observation k_settings = {R"(
WITH override AS (
    SELECT DISTINCT ON (o.name) o.name, o.entry, o.place
      FROM (SELECT pg_catalog.lower(pg_catalog.split_part(e.entry, '=', 1)) AS name,
                   pg_catalog.substr(e.entry, pg_catalog.strpos(e.entry, '=') + 1) AS entry,
                   CASE WHEN s.setrole = 0 THEN 'database'
                        WHEN s.setdatabase = 0 THEN 'role'
                        ELSE 'role here'
                   END AS place
              FROM pg_catalog.pg_db_role_setting AS s
             CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (entry)
             WHERE s.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles AS r
                                      WHERE r.rolname = $1::text))
               AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database AS d
                                          WHERE d.datname = pg_catalog.current_database()))
           ) AS o
     ORDER BY o.name, o.place = 'role here' DESC, o.place = 'role' DESC
), known AS (
    SELECT s.name, s.unit, s.pending_restart, o.entry, coalesce(o.place, 'server') AS place,
           coalesce(o.entry,
                    CASE WHEN s.source IN ('default', 'configuration file', 'command line',
                                           'environment variable', 'override', 'global')
                         THEN s.setting
                    END) AS value
      FROM pg_catalog.pg_settings AS s
      LEFT JOIN override AS o ON o.name = s.name AND s.context IN ('user', 'superuser')
     WHERE s.name IN ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_connections',
                      'wal_sender_timeout', 'idle_replication_slot_timeout', 'old_snapshot_threshold',
                      'temp_file_limit', 'statement_timeout', 'lock_timeout',
                      'idle_in_transaction_session_timeout', 'idle_session_timeout',
                      'transaction_timeout', 'default_transaction_read_only', 'hot_standby_feedback',
                      'ssl', 'ssl_min_protocol_version', 'sync_replication_slots',
                      'primary_slot_name')
)
SELECT k.name,
       CASE WHEN k.unit IN ('ms', 's', 'min') AND k.value ~ '^ *-?[0-9.]+ *(us|ms|s|min|h|d) *$'
            THEN pg_catalog.round(extract(epoch FROM k.value::interval) * 1000)::bigint::text
            WHEN k.unit IN ('ms', 's', 'min') AND k.value ~ '^ *[0-9]+ *$'
            THEN (k.value::bigint * CASE k.unit WHEN 'ms' THEN 1 WHEN 's' THEN 1000 ELSE 60000 END)::text
            WHEN k.unit = 'kB' AND k.value ~ '[kMGT]B *$'
            THEN (pg_catalog.pg_size_bytes(k.value) / 1024)::text
            ELSE k.value
       END,
       k.pending_restart, k.place, k.entry
  FROM known AS k
)",
                                Arguments::role};

}  // namespace ardent::preflight
