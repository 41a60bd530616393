// SPDX-License-Identifier: PostgreSQL
#include "agent/copy/again_copier.hpp"

#include "agent/copy/table_stream.hpp"
#include "agent/source/connect.hpp"
#include "agent/source/heartbeat.hpp"
#include "agent/source/search_paths.hpp"
#include "common/base/text.hpp"
#include "common/pq/table_catalog.hpp"
#include "common/process/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;

constexpr milliseconds k_look{200};  // for what is wanted
constexpr milliseconds k_first_pause{500};
constexpr milliseconds k_longest_pause{10'000};
constexpr std::chrono::seconds k_watch_interval{1};
constexpr const char* k_lock_not_available = "55P03";
constexpr std::size_t k_refusals_named = 100;
constexpr std::size_t k_name_bytes = 300;  // of two names of 63 and their quotes
constexpr const char* k_no_table = "42P01";
constexpr const char* k_no_schema = "3F000";

constexpr const char* k_moment = R"sql(
SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_current_wal_insert_lsn()
)sql";

// As the inventory: a view would be locked with what is beneath it. No row: there is nothing of
// that name.
constexpr const char* k_is_ordinary = R"sql(
SELECT c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = $1::pg_catalog.text AND c.relname = $2::pg_catalog.text  -- a name would be cut
)sql";

// Who waits behind ACCESS SHARE wants ACCESS EXCLUSIVE.
constexpr const char* k_waiting = R"sql(
SELECT EXISTS (
       SELECT FROM pg_catalog.pg_locks AS l
        WHERE l.locktype = 'relation' AND NOT l.granted AND l.mode = 'AccessExclusiveLock'
          AND l.relation = pg_catalog.to_regclass($1)
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                             WHERE d.datname = pg_catalog.current_database()))
)sql";

std::string quoted(const model::RelationName& table) {
    return pq::quote_qualified(table.schema, table.name);
}

}  // namespace

AgainCopier::AgainCopier(const Settings& settings, std::string session, std::string encoding,
                         Link& link)
    : m_settings(settings),
      m_session(std::move(session)),
      m_encoding(std::move(encoding)),
      m_link(link),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      m_backoff(k_first_pause, k_longest_pause, std::random_device{}()) {
    if (!m_wake.valid()) {
        throw Error(ErrorKind::bug, std::string("eventfd: ") + std::strerror(errno));
    }
    m_thread = std::thread([this] { run(); });
}

AgainCopier::~AgainCopier() {
    m_stop = true;
    m_leave = true;
    static_cast<void>(::eventfd_write(m_wake.get(), 1));
    m_thread.join();
}

void AgainCopier::run() {
    while (!m_stop) {
        try {
            turn();
        } catch (const Error& e) {
            if (m_stop) {
                return;
            }
            if (e.kind() == ErrorKind::config || e.kind() == ErrorKind::bug) {
                m_link.fail(e);
                return;
            }
            if (e.kind() == ErrorKind::replica) {
                m_link.stop_connector({e.what(), e.hint(), std::nullopt, {}});
            }
            process::log(e.kind() == ErrorKind::source ? process::LogLevel::warning
                                                       : process::LogLevel::debug,
                         "tables were not copied again just now", {{"why", e.what()}});
            wait(m_backoff.next());
        } catch (const std::exception& e) {
            m_link.fail(Error(ErrorKind::bug, std::string("copying a table again: ") + e.what()));
            return;
        }
    }
}

void AgainCopier::turn() {
    const auto wanted = m_link.state().copy_again;
    if (wanted.empty()) {
        m_backoff.reset();
        m_watch.reset();
        m_told.clear();
        wait(k_look);
        return;
    }
    if (!m_api) {
        m_api.emplace(m_settings.environment, http::when_set(m_leave));
    }
    m_tried.clear();
    std::set<model::RelationName> tables;
    for (const protocol::CopyAgain& one : wanted) {
        if (m_stop) {
            return;
        }
        m_tried.insert(one.id);
        if (!tables.insert(one.table).second) {
            continue;
        }
        if (selects(m_settings.source, one.table)) {
            copy(one);
        } else {
            refuse(one);
        }
    }
    const auto until = Clock::now() + m_backoff.next();
    do {
        wait(k_look);  // at least once: new ids without an end are no reason to run
    } while (!m_stop && Clock::now() < until && !anything_new());
    if (!m_stop) {
        ask();
    }
}

bool AgainCopier::anything_new() const {
    const auto wanted = m_link.state().copy_again;
    return std::any_of(wanted.begin(), wanted.end(),
                       [this](const auto& one) { return m_tried.count(one.id) == 0; });
}

// What the stream's answers say is old once nothing streams.
void AgainCopier::ask() {
    const auto progress = m_api->position(m_session, model::Lsn{}, std::chrono::seconds(0));
    if (progress) {
        m_link.progress(*progress);
    } else {
        m_link.lose_session();
    }
}

void AgainCopier::copy(const protocol::CopyAgain& wanted) {
    m_leave = false;
    m_leave = m_stop.load();
    try {
        pq::Connection connection = connect_sql(m_settings.source, "copy again");
        if (connection.value("SELECT pg_catalog.pg_is_in_recovery()") == "t") {
            throw Error(ErrorKind::source,
                        "the source is a standby, where a snapshot does not tell which "
                        "transactions it shows",
                        "A table is copied again once the source is a primary; or make a new copy "
                        "of all: ardent connector retry-setup --resync.");
        }
        if (!lock(connection, wanted)) {
            return;
        }
        const protocol::CopyAgainBegin begin = look(connection, wanted.table);
        if (m_api->begin_again(wanted.id, begin)) {
            transfer(connection, wanted, begin);
        }
    } catch (const EnvironmentRefusal& refusal) {
        if (refusal.kind() != ErrorKind::transient) {
            throw;
        }
        process::log_debug("a table was not copied again", {{"why", refusal.what()}});
    } catch (const Error& e) {
        if (m_stop || e.kind() == ErrorKind::config || e.kind() == ErrorKind::bug) {
            throw;
        }
        m_leave = m_stop.load();
        tell(wanted, base::text_with_hint(e));
    }
}

void AgainCopier::refuse(const protocol::CopyAgain& wanted) {
    const std::string table = base::clip_utf8(model::to_string(wanted.table), k_name_bytes);
    if (m_refused.size() < k_refusals_named && m_refused.insert(wanted.table).second) {
        process::log_warning(
            "the environment asks for a table that is not its own: nothing is sent",
            {{"table", table},
             {"why", "source.schemas does not name its schema, or source.exclude names it"},
             {"hint", "If you did not change them, find out who has the environment."}});
    }
    try {
        m_api->trouble_again(wanted.id, "the agent's configuration does not carry this table");
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::config) {
            throw;
        }
        process::log_debug("the environment could not be told", {{"why", e.what()}});
    }
}

// Before any snapshot: a table that is written anew between the two would be read as empty. False
// when somebody has it.
bool AgainCopier::lock(pq::Connection& connection, const protocol::CopyAgain& wanted) {
    const pq::Result kind =
        connection.exec(k_is_ordinary, {wanted.table.schema, wanted.table.name});
    if (kind.rows() > 0 && kind.text(0, 0) != "t") {
        tell(wanted, "the source has no permanent table of this name just now");
        return false;
    }
    connection.exec("SET lock_timeout = '200ms'");
    connection.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
        connection.exec("LOCK TABLE ONLY " + quoted(wanted.table) + " IN ACCESS SHARE MODE");
    } catch (const Error& e) {
        const std::string& state = e.sqlstate();
        if (state == k_lock_not_available) {
            tell(wanted, "somebody at the source has the table locked; it is tried again");
            return false;
        }
        if (state == k_no_table || state == k_no_schema) {
            tell(wanted,
                 "the table is gone at the source; what became of it is still to come in "
                 "the stream");
            return false;
        }
        throw;
    }
    return true;
}

protocol::CopyAgainBegin AgainCopier::look(pq::Connection& connection,
                                           const model::RelationName& table) {
    const pq::Result moment = connection.exec(k_moment);
    const auto lsn = model::parse_lsn(moment.text(0, 1));
    if (!lsn) {
        throw Error(ErrorKind::bug, "pg_current_wal_insert_lsn() gave no LSN");
    }
    model::Definitions found = pq::read_definition(connection, table);
    if (found.tables.size() != 1) {
        throw Error(ErrorKind::transient,
                    "the source has no permanent table " + model::to_string(table) + " just now");
    }
    return {std::move(found.tables.front()), std::move(found.types), std::string(moment.text(0, 0)),
            *lsn};
}

void AgainCopier::transfer(pq::Connection& connection, const protocol::CopyAgain& wanted,
                           const protocol::CopyAgainBegin& begin) {
    const std::string name = model::to_string(wanted.table);
    process::log_info("a table is copied again", {{"table", name}, {"snapshot", begin.snapshot}});
    m_told.clear();
    const model::SearchPaths paths =
        needs_query(begin.table) ? read_search_paths(at_server_of(m_settings.source, connection))
                                 : model::SearchPaths{};
    std::atomic<bool> given_up{false};
    bool in_the_way = false;
    Clock::time_point next_look = Clock::now();
    const std::function<bool()> go_on = [&] {
        if (!in_the_way && Clock::now() >= next_look) {
            in_the_way = somebody_waits(quoted(wanted.table));
            // the lock goes with the connection, and that when no call is under way
            m_leave = in_the_way || m_stop;
            next_look = Clock::now() + k_watch_interval;
        }
        return !m_stop && !given_up && !in_the_way;
    };
    const std::function<std::optional<PartAnswer>(std::uint64_t, bool, std::string_view)> put =
        [&](std::uint64_t part, bool last, std::string_view frame) {
            auto answer = m_api->put_part_again(wanted.id, part, last, frame);
            given_up = !answer.has_value();
            return answer;
        };
    std::uint64_t rows = 0;
    try {
        rows = transfer_table({connection, m_encoding, paths, put, go_on, [](std::uint64_t) {}},
                              begin.table);
    } catch (const Error&) {
        if (given_up) {
            process::log_info("the copy of a table is not wanted any more", {{"table", name}});
            return;
        }
        if (in_the_way) {
            throw Error(ErrorKind::transient,
                        "somebody at the source waited for the table, or that could not be seen; "
                        "the copy begins again");
        }
        throw;
    }
    connection.exec("COMMIT");
    const bool taken = m_api->finish_again(wanted.id, rows);
    if (taken) {
        m_backoff.reset();
    }
    process::log_info(taken ? "a table was copied again, the environment has its rows"
                            : "the copy of a table is not wanted any more",
                      {{"table", name}, {"rows", rows}});
    // Something behind the snapshot, should nothing else be written: the replica has to come up to
    // it.
    write_heartbeat(connection);
}

// Not to see whether somebody does counts as if.
bool AgainCopier::somebody_waits(const std::string& table) {
    try {
        if (!m_watch || !m_watch->ok()) {
            m_watch.emplace(connect_sql(m_settings.source, "copy again"));
        }
        return m_watch->value(k_waiting, {table}) == "t";
    } catch (const Error& e) {
        m_watch.reset();
        process::log_debug("who waits for a table was not seen", {{"why", e.what()}});
        return true;
    }
}

void AgainCopier::tell(const protocol::CopyAgain& wanted, const std::string& detail) noexcept {
    try {
        const std::string table = base::clip_utf8(model::to_string(wanted.table), k_name_bytes);
        const std::string line = table + ": " + detail;
        if (std::exchange(m_told, line) != line) {
            process::log_warning("a table is not copied again yet",
                                 {{"table", table}, {"why", detail}});
        }
        m_api->trouble_again(wanted.id, detail);
    } catch (const std::exception& e) {
        process::log_debug("the environment could not be told", {{"why", e.what()}});
    }
}

void AgainCopier::wait(milliseconds time) {
    pollfd wake{m_wake.get(), POLLIN, 0};
    ::poll(&wake, 1, static_cast<int>(time.count()));
}

}  // namespace ardent::agent
