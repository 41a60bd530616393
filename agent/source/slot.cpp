// SPDX-License-Identifier: PostgreSQL
#include "agent/source/slot.hpp"

#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <poll.h>
#include <thread>

namespace ardent::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_has_conflicting = 160000;
constexpr int k_has_invalidation_reason = 170000;
constexpr const char* k_lock_timeout = "55P03";
constexpr const char* k_undefined_object = "42704";
constexpr auto k_poll = std::chrono::milliseconds(100);

std::string slot_query(int server_version) {
    std::string reason = "NULL::pg_catalog.text";
    if (server_version >= k_has_invalidation_reason) {
        reason = "s.invalidation_reason";
    } else if (server_version >= k_has_conflicting) {
        reason = "CASE WHEN s.conflicting THEN 'conflicting' END";
    }
    return R"sql(
SELECT s.plugin, s.slot_type, s.database, s.active, s.active_pid, s.temporary,
       s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, )sql" +
           reason + R"sql(
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.slot_name = $1
)sql";
}

std::optional<model::Lsn> lsn_of(const pq::Value& value) {
    return value ? model::parse_lsn(*value) : std::nullopt;
}

/// Waits for the result of a command that was sent, with `go_on` in between.
pq::Result await(pq::Connection& connection, const std::string& command,
                 const std::function<bool()>& go_on) {
    PGconn* const handle = connection.handle();
    while (PQisBusy(handle) != 0) {
        pollfd waiting{connection.socket(), POLLIN, 0};
        ::poll(&waiting, 1, static_cast<int>(k_poll.count()));
        if (!go_on()) {
            connection.cancel();
            throw base::Error(base::ErrorKind::transient,
                              "stopped while creating the replication slot");
        }
        if (waiting.revents != 0 && PQconsumeInput(handle) == 0) {
            throw connection.failure(command);
        }
    }
    pq::Result result(PQgetResult(handle));
    while (PGresult* const more = PQgetResult(handle)) {
        const pq::Result rest(more);
    }
    connection.check(result.handle(), command);
    return result;
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
    return slot;
}

CreatedSlot create_slot(pq::Connection& replication, pq::Connection& connection,
                        const std::string& name, const std::string& plugin,
                        std::chrono::milliseconds patience, const std::function<bool()>& go_on) {
    replication.exec("SET lock_timeout = '" + std::to_string(patience.count()) + "ms'");
    const std::string command = "CREATE_REPLICATION_SLOT " + pq::quote_identifier(name) +
                                " LOGICAL " + pq::quote_identifier(plugin) + " EXPORT_SNAPSHOT";
    try {
        if (PQsendQuery(replication.handle(), command.c_str()) == 0) {
            throw replication.failure(command);
        }
        const pq::Result result = await(replication, command, go_on);
        const auto point = model::parse_lsn(result.text(0, 1));
        if (!point) {
            throw base::Error(base::ErrorKind::bug,
                              "the server gave no consistent point for the slot");
        }
        return {*point, std::string(result.text(0, 2))};
    } catch (const base::Error& e) {
        if (e.sqlstate() != k_lock_timeout) {
            throw;
        }
        const std::vector<std::string> blockers = old_transactions(connection);
        throw base::Error(
            base::ErrorKind::transient,
            "the replication slot cannot be created while older transactions run: " +
                (blockers.empty() ? "none is visible to this role" : base::join(blockers, "; ")),
            "It goes on by itself when they end.", k_lock_timeout);
    }
}

void drop_slot(pq::Connection& connection, const std::string& name, const std::string& plugin,
               const std::string& database) {
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
    if (!free_slot(connection, name, std::chrono::seconds(5))) {
        throw base::Error(base::ErrorKind::transient,
                          "replication slot \"" + name + "\" is in use by another client",
                          "See pg_stat_replication for who it is.", "55006");
    }
    try {
        connection.exec("SELECT pg_catalog.pg_drop_replication_slot($1)", {name});
    } catch (const base::Error& e) {
        if (e.sqlstate() != k_undefined_object) {
            throw;
        }
    }
}

bool free_slot(pq::Connection& connection, const std::string& name,
               std::chrono::milliseconds patience) {
    const auto end_it = Clock::now() + patience;
    const auto give_up = end_it + std::chrono::seconds(5);
    bool ended = false;
    for (;;) {
        const SlotFacts slot = read_slot(connection, name);
        if (!slot.active) {
            return true;
        }
        if (Clock::now() > give_up) {
            return false;
        }
        if (!ended && Clock::now() > end_it) {
            ended = true;
            const pq::Result done = connection.exec(R"sql(
SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity AS a
  JOIN pg_catalog.pg_replication_slots AS s ON s.active_pid = a.pid
 WHERE s.slot_name = $1 AND a.usename = CURRENT_USER AND a.backend_type = 'walsender'
)sql",
                                                    {name});
            if (done.rows() > 0) {
                process::log_warning("ended the walsender that an earlier agent left behind",
                                     {{"slot", name}});
            }
        }
        std::this_thread::sleep_for(k_poll);
    }
}

std::vector<std::string> old_transactions(pq::Connection& connection) {
    const pq::Result result = connection.exec(R"sql(
(SELECT pg_catalog.format('pid %s (user %s, application "%s", in its transaction since %s)',
            a.pid, a.usename, a.application_name, a.xact_start)
   FROM pg_catalog.pg_stat_activity AS a
  WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
  ORDER BY a.xact_start
  LIMIT 5)
UNION ALL
(SELECT pg_catalog.format('prepared transaction "%s" of %s, since %s', p.gid, p.owner, p.prepared)
   FROM pg_catalog.pg_prepared_xacts AS p
  ORDER BY p.prepared
  LIMIT 5)
)sql");
    std::vector<std::string> lines;
    for (int row = 0; row < result.rows(); ++row) {
        lines.emplace_back(result.text(row, 0));
    }
    return lines;
}

}  // namespace ardent::agent
