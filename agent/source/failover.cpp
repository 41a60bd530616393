// SPDX-License-Identifier: PostgreSQL
#include "agent/source/failover.hpp"

#include "common/process/log.hpp"

#include <chrono>

namespace ardent::agent {

namespace {

constexpr int k_has_failover_slots = 170000;
// Somebody who takes the slot just now would be waited for without end.
constexpr std::chrono::seconds k_patience{5};

}  // namespace

bool wants_failover(pq::Connection& connection) {
    return connection.server_version() >= k_has_failover_slots && connection.value(R"sql(
SELECT NOT pg_catalog.pg_is_in_recovery()
       AND (EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s
                     WHERE s.slot_type = 'physical' AND NOT s.temporary)
            OR EXISTS (SELECT FROM pg_catalog.pg_stat_get_wal_senders() AS w
                         JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid
                        WHERE a.datid IS NULL AND a.application_name <> 'pg_basebackup'))
)sql") == "t";
}

void offer_failover(pq::Connection& replication, pq::Connection& connection, const SlotFacts& slot,
                    const std::function<bool()>& go_on) {
    if (slot.failover || slot.temporary || !wants_failover(connection)) {
        return;
    }
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    try {
        const auto done = pq::exec_while(
            replication,
            "ALTER_REPLICATION_SLOT " + pq::quote_identifier(slot.name) + " (FAILOVER)",
            [&] { return go_on() && std::chrono::steady_clock::now() < deadline; });
        if (!done) {
            throw base::Error(base::ErrorKind::transient,
                              "stopped while giving the replication slot failover");
        }
        process::log_info("the replication slot has failover now: standbys may take it over",
                          {{"slot", slot.name}});
    } catch (const base::Error& e) {
        if (e.kind() == base::ErrorKind::transient) {
            throw;
        }
        process::log_warning(
            "the replication slot cannot have failover: a standby that is promoted has no slot",
            {{"slot", slot.name}, {"why", e.what()}, {"hint", e.hint()}});
    }
}

std::vector<std::string> holding_back(pq::Connection& connection, const std::string& slot) {
    std::vector<std::string> lines;
    if (connection.server_version() < k_has_failover_slots) {
        return lines;
    }
    const pq::Result result = connection.exec(R"sql(
SELECT n.name || CASE WHEN s.slot_name IS NULL THEN ' does not exist'
                      WHEN NOT s.active THEN ' has no standby'
                      ELSE ' is behind' END
  FROM pg_catalog.regexp_split_to_table(
           pg_catalog.current_setting('synchronized_standby_slots'), '[\s,"]+') AS n (name)
  LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = n.name
 WHERE n.name <> ''
   AND EXISTS (SELECT
                 FROM pg_catalog.pg_replication_slots AS o
                 JOIN pg_catalog.pg_stat_activity AS a ON a.pid = o.active_pid
                WHERE o.slot_name = $1 AND a.wait_event = 'WaitForStandbyConfirmation')
)sql",
                                              {slot});
    for (int row = 0; row < result.rows(); ++row) {
        lines.emplace_back(result.text(row, 0));
    }
    return lines;
}

}  // namespace ardent::agent
