// SPDX-License-Identifier: PostgreSQL
#include "cli/slot_probe.hpp"

#include "cli/path.hpp"
#include "common/base/error.hpp"
#include "common/pq/direct.hpp"

#include <poll.h>

#include <chrono>
#include <optional>
#include <utility>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using Clock = std::chrono::steady_clock;

namespace {

// The server's own limit comes later than ours: it is for the case that we are gone.
constexpr std::chrono::seconds k_patience{3};
constexpr const char* k_lock_timeout = "4s";
constexpr std::chrono::milliseconds k_look{500};

constexpr const char* k_blockers = R"(
SELECT a.pid, a.application_name, a.usename,
       (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint
  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::integer)) AS b (pid)
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
 ORDER BY a.xact_start
)";

constexpr const char* k_left = R"(
SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots AS s WHERE s.slot_name = $1::name
)";

std::string blockers(pq::Connection& connection, int walsender) {
    const pq::Result rows = connection.exec(k_blockers, {std::to_string(walsender)});
    std::string text;
    for (int row = 0; row < rows.rows(); ++row) {
        text += text.empty() ? "" : "; ";
        if (rows.is_null(row, 0)) {
            text += "a prepared transaction";
            continue;
        }
        text += "process " + std::string(rows.text(row, 0));
        if (!rows.is_null(row, 3)) {
            text += " (" + std::string(rows.text(row, 2)) + ", application \"" +
                    std::string(rows.text(row, 1)) + "\", for " + std::string(rows.text(row, 3)) +
                    " s)";
        }
    }
    return text;
}

/// The session of the probe: everything it does is asked for without waiting on the server for
/// ever.
class SlotSession {
public:
    SlotSession(const SourceUrl& url, pq::Connection& sql)
        : m_sql(sql),
          m_walsender(connect_walsender(url, {{"lock_timeout", k_lock_timeout}})),
          m_name("probe_ardent_" + pq::new_session_mark()) {}

    const std::string& name() const noexcept { return m_name; }

    pq::Result create() {
        return run("CREATE_REPLICATION_SLOT " + pq::quote_identifier(m_name) +
                   " TEMPORARY LOGICAL wal2json NOEXPORT_SNAPSHOT");
    }

    /// Decodes nothing: the plugin looks at its options, and the end is where the slot begins.
    void ask_option(const std::string& position, const std::string& option) {
        run("SELECT FROM pg_catalog.pg_logical_slot_peek_changes(" +
            m_walsender.quote_literal(m_name) + ", " + m_walsender.quote_literal(position) +
            ", 1, " + m_walsender.quote_literal(option) + ", 'true')");
    }

    void drop() { run("DROP_REPLICATION_SLOT " + pq::quote_identifier(m_name)); }

private:
    pq::Result run(const std::string& command) {
        const auto deadline = Clock::now() + k_patience;
        auto next_look = Clock::now() + k_look;
        std::string in_the_way;
        auto result = pq::exec_while(m_walsender, command, [&] {
            const auto now = Clock::now();
            if (now >= next_look) {
                in_the_way = blockers(m_sql, m_walsender.backend_pid());
                next_look = now + k_look;
            }
            return now < deadline;
        });
        if (result) {
            return std::move(*result);
        }
        throw Error(ErrorKind::transient,
                    "the slot was not there after " + std::to_string(k_patience.count()) +
                        " seconds; a new slot waits for the transactions that write" +
                        (in_the_way.empty() ? "" : ": " + in_the_way),
                    "Re-run preflight when they have ended.", "57014");
    }

    pq::Connection& m_sql;
    pq::Connection m_walsender;
    std::string m_name;
};

// wal2json 2.6 takes it; an option that is not known is an error, and an error drops the temporary
// slot.
bool says_nan(SlotSession& session, const std::string& position) {
    try {
        session.ask_option(position, "numeric-data-types-as-string");
        session.drop();
        return true;
    } catch (const Error& e) {
        if (e.sqlstate() != "22023") {
            throw;
        }
        return false;
    }
}

preflight::SlotProbe refused(const Error& error, bool as_role) {
    preflight::SlotProbe probe;
    probe.as_role = as_role;
    probe.problem = error.what();
    probe.hint = error.hint();
    const std::string& state = error.sqlstate();
    if (state == "58P01" || state == "XX000") {
        preflight::PluginProbe plugin;
        plugin.missing = state == "58P01";
        plugin.problem = error.what();
        probe.plugin = plugin;
    }
    probe.refused = state == "42501";
    return probe;
}

bool is_left(pq::Connection& connection, const std::string& name) {
    return connection.value(k_left, {name}) != "0";
}

}  // namespace

preflight::SlotProbe probe_slot(const SourceUrl& url, pq::Connection& connection,
                                const std::string& role) {
    const bool as_role = url.user == role;
    std::string name;
    preflight::SlotProbe probe;
    try {
        SlotSession session(url, connection);
        name = session.name();
        const pq::Result row = session.create();
        preflight::PluginProbe plugin;
        plugin.loadable = true;
        plugin.says_nan = says_nan(session, std::string(row.text(0, 1)));
        probe.plugin = plugin;
        probe.as_role = as_role;
    } catch (const Error& e) {
        probe = refused(e, as_role);
    }
    const auto deadline = Clock::now() + k_patience;
    while (!name.empty() && is_left(connection, name) && Clock::now() < deadline) {
        pollfd nothing{-1, 0, 0};
        ::poll(&nothing, 0, 50);
    }
    return probe;
}

}  // namespace ardent::cli
