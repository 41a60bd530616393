// SPDX-License-Identifier: PostgreSQL
#include "agent/source/slot.hpp"

#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <thread>

namespace ardent::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_has_conflicting = 160000;
constexpr int k_has_invalidation_reason = 170000;
constexpr int k_has_failover = 170000;
constexpr const char* k_undefined_object = "42704";
constexpr const char* k_object_in_use = "55006";
constexpr auto k_poll = std::chrono::milliseconds(100);
constexpr auto k_first_word = std::chrono::seconds(3);
constexpr auto k_next_word = std::chrono::minutes(1);
constexpr auto k_end_patience = std::chrono::seconds(5);

std::string slot_query(int server_version) {
    std::string reason = "NULL::pg_catalog.text";
    if (server_version >= k_has_invalidation_reason) {
        reason = "s.invalidation_reason";
    } else if (server_version >= k_has_conflicting) {
        reason = "CASE WHEN s.conflicting THEN 'conflicting' END";
    }
    const std::string failover =
        server_version >= k_has_failover ? ", s.failover, s.synced" : ", false, false";
    return R"sql(
SELECT s.plugin, s.slot_type, s.database, s.active, s.active_pid, s.temporary,
       s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, )sql" +
           reason + failover + R"sql(
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.slot_name = $1
)sql";
}

std::optional<model::Lsn> lsn_of(const pq::Value& value) {
    return value ? model::parse_lsn(*value) : std::nullopt;
}

struct Holder {
    int pid = 0;
    std::string application;
    std::string text;  // who it is
};

/// The client that uses the slot; nullopt when nobody does.
std::optional<Holder> read_holder(pq::Connection& connection, const std::string& slot) {
    const pq::Result result = connection.exec(R"sql(
SELECT s.active_pid,
       CASE WHEN a.usename = CURRENT_USER AND a.backend_type = 'walsender'
            THEN a.application_name ELSE '' END,
       pg_catalog.format('pid %s, user %s, application "%s", client %s', s.active_pid, a.usename,
            a.application_name, coalesce(pg_catalog.host(a.client_addr), 'on the server''s host'))
  FROM pg_catalog.pg_replication_slots AS s
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = s.active_pid
 WHERE s.slot_name = $1 AND s.active_pid IS NOT NULL
)sql",
                                              {slot});
    if (result.rows() == 0) {
        return std::nullopt;
    }
    return Holder{std::stoi(std::string(result.text(0, 0))), std::string(result.text(0, 1)),
                  std::string(result.text(0, 2))};
}

}  // namespace

SlotFacts read_slot(pq::Connection& connection, const std::string& name) {
    SlotFacts slot;
    slot.name = name;
    const pq::Result result = connection.exec(slot_query(connection.server_version()), {name});
    if (result.rows() == 0) {
        return slot;
    }
    slot.exists = true;
    slot.plugin = result.text(0, 0);
    slot.type = result.text(0, 1);
    slot.database = result.text(0, 2);
    slot.active = result.text(0, 3) == "t";
    if (const pq::Value pid = result.value(0, 4)) {
        slot.active_pid = std::stoi(*pid);
    }
    slot.temporary = result.text(0, 5) == "t";
    slot.restart_lsn = lsn_of(result.value(0, 6));
    slot.confirmed_flush = lsn_of(result.value(0, 7));
    slot.wal_status = result.value(0, 8);
    slot.invalidated = result.value(0, 9);
    slot.failover = result.text(0, 10) == "t";
    slot.synced = result.text(0, 11) == "t";
    return slot;
}

CreatedSlot create_slot(pq::Connection& replication, const NewSlot& slot,
                        const std::function<bool()>& go_on, const std::function<void()>& waiting) {
    const std::string command =
        "CREATE_REPLICATION_SLOT " + pq::quote_identifier(slot.name) + " LOGICAL " +
        pq::quote_identifier(slot.plugin) +
        (slot.failover ? " (SNAPSHOT 'export', FAILOVER)" : " EXPORT_SNAPSHOT");
    auto next_word = Clock::now() + k_first_word;
    const auto result = pq::exec_while(replication, command, [&] {
        if (Clock::now() >= next_word) {
            waiting();
            next_word = Clock::now() + k_next_word;
        }
        return go_on();
    });
    if (!result) {
        throw base::Error(base::ErrorKind::transient,
                          "stopped while creating the replication slot");
    }
    const auto point = model::parse_lsn(result->text(0, 1));
    if (!point) {
        throw base::Error(base::ErrorKind::bug, "the server gave no consistent point for the slot");
    }
    return {*point, std::string(result->text(0, 2))};
}

void drop_slot(pq::Connection& connection, const std::string& name, const std::string& plugin,
               const std::string& database, const AgentName& own) {
    const SlotFacts slot = read_slot(connection, name);
    if (!slot.exists) {
        return;
    }
    if (slot.type != "logical" || slot.plugin != plugin || slot.database != database) {
        const auto refusal = unusable_slot(slot, plugin, database);
        throw base::Error(base::ErrorKind::source,
                          refusal ? refusal->message : "the slot is not ours",
                          refusal ? refusal->hint : "");
    }
    if (const auto other = younger_agent(connection, own)) {
        throw base::Error(base::ErrorKind::transient,
                          "replication slot \"" + name + "\" belongs to another agent: " + *other,
                          "Stop one of the two.", k_object_in_use);
    }
    free_slot(connection, name, own, k_end_patience);
    try {
        connection.exec("SELECT pg_catalog.pg_drop_replication_slot($1)", {name});
    } catch (const base::Error& e) {
        if (e.sqlstate() != k_undefined_object) {
            throw;
        }
    }
}

void free_slot(pq::Connection& connection, const std::string& name, const AgentName& own,
               std::chrono::milliseconds patience) {
    const auto end_it = Clock::now() + patience;
    const auto deadline = end_it + k_end_patience;
    bool ended = false;
    while (const auto holder = read_holder(connection, name)) {
        const auto now = Clock::now();
        const auto agent = parse_agent_name(holder->application);
        const bool left_behind = agent && may_be_ended(*agent, own);
        if (now > (left_behind ? deadline : end_it)) {
            throw base::Error(
                base::ErrorKind::transient,
                "replication slot \"" + name + "\" is in use by another client: " + holder->text,
                "See pg_stat_replication; the agent goes on when the slot is free.",
                k_object_in_use);
        }
        if (left_behind && !ended && now > end_it) {
            ended = true;
            connection.exec(R"sql(
SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid = $1::pg_catalog.int4 AND a.application_name = $2
)sql",
                            {std::to_string(holder->pid), holder->application});
            process::log_warning("ended the walsender that an earlier agent left behind",
                                 {{"slot", name}, {"walsender", holder->text}});
        }
        std::this_thread::sleep_for(k_poll);
    }
}

std::optional<std::string> younger_agent(pq::Connection& connection, const AgentName& own) {
    const pq::Result result = connection.exec(R"sql(
SELECT a.application_name,
       pg_catalog.format('walsender pid %s since %s, application "%s", client %s', a.pid,
            pg_catalog.date_trunc('second', a.backend_start), a.application_name,
            coalesce(pg_catalog.host(a.client_addr), 'on the server''s host'))
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.backend_type = 'walsender' AND a.usename = CURRENT_USER
   AND a.datname = pg_catalog.current_database()
)sql");
    for (int row = 0; row < result.rows(); ++row) {
        const auto other = parse_agent_name(result.text(row, 0));
        if (other && is_younger(*other, own)) {
            return "agent " + other->place + ", " + std::string(result.text(row, 1));
        }
    }
    return std::nullopt;
}

// Of other roles' sessions a role without pg_read_all_stats sees neither the state nor the time.
std::vector<std::string> old_transactions(pq::Connection& connection, int walsender) {
    const pq::Result result = connection.exec(R"sql(
WITH blocking AS MATERIALIZED (
    SELECT pg_catalog.pg_blocking_pids($1::pg_catalog.int4) AS pids  -- once: it looks at every lock
)
(SELECT pg_catalog.format('pid %s (user %s, application "%s", %s, in its transaction for %s)',
            a.pid, a.usename, a.application_name, coalesce(a.state, 'state not visible'),
            coalesce(pg_catalog.date_trunc('second',
                pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.text, 'a time not visible'))
   FROM pg_catalog.pg_stat_activity AS a
  CROSS JOIN blocking AS b
  WHERE a.backend_xid IS NOT NULL
    AND a.pid NOT IN (pg_catalog.pg_backend_pid(), $1::pg_catalog.int4)
  ORDER BY a.pid = ANY (b.pids) DESC,
           pg_catalog.age(a.backend_xid) DESC
  LIMIT 5)
UNION ALL
(SELECT pg_catalog.format('prepared transaction "%s" of %s, since %s', p.gid, p.owner, p.prepared)
   FROM pg_catalog.pg_prepared_xacts AS p
  ORDER BY p.prepared
  LIMIT 5)
)sql",
                                              {std::to_string(walsender)});
    std::vector<std::string> lines;
    for (int row = 0; row < result.rows(); ++row) {
        lines.emplace_back(result.text(row, 0));
    }
    return lines;
}

}  // namespace ardent::agent
