// SPDX-License-Identifier: PostgreSQL
#include "agent/report/reporter.hpp"

#include "agent/source/connect.hpp"
#include "agent/source/ddl_keys.hpp"
#include "agent/source/failover.hpp"
#include "agent/source/heartbeat.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>

namespace ardent::agent {

namespace {

constexpr std::chrono::seconds k_status_interval{10};
constexpr std::chrono::minutes k_schema_interval{1};
constexpr std::chrono::minutes k_beat_interval{1};
constexpr std::chrono::seconds k_connect_interval{1};

}  // namespace

Reporter::Reporter(const Settings& settings, std::string session, Mode mode, Link& link,
                   PreflightWatch* watch, std::optional<CaptureSeen> capture)
    : m_settings(settings),
      m_session(std::move(session)),
      m_mode(mode),
      m_link(link),
      m_watch(watch),
      m_capture(std::move(capture)),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!m_wake.valid()) {
        throw base::Error(base::ErrorKind::bug, std::string("eventfd: ") + std::strerror(errno));
    }
    const auto now = Clock::now();
    m_next_schema = now + k_schema_interval;
    m_next_beat = now + k_beat_interval;
    m_thread = std::thread([this] { run(); });
}

Reporter::~Reporter() {
    m_stop = true;
    static_cast<void>(::eventfd_write(m_wake.get(), 1));
    m_thread.join();
}

void Reporter::run() {
    while (!m_stop) {
        try {
            turn();
        } catch (const base::Error& e) {
            if (m_stop) {
                return;
            }
            if (e.kind() == base::ErrorKind::config || e.kind() == base::ErrorKind::bug) {
                m_link.fail(e);
                return;
            }
            if (e.kind() == base::ErrorKind::replica) {
                m_link.stop_connector({e.what(), e.hint(), std::nullopt, {}});
            }
            process::log(e.kind() == base::ErrorKind::source ? process::LogLevel::warning
                                                             : process::LogLevel::debug,
                         "a report failed", {{"why", e.what()}});
        } catch (const std::exception& e) {
            m_link.fail(base::Error(base::ErrorKind::bug, std::string("reporting: ") + e.what()));
            return;
        }
        wait();
    }
}

void Reporter::turn() {
    const auto now = Clock::now();
    if (!m_connection && now >= m_next_connect) {
        m_next_connect = now + k_connect_interval;
        look_at_source();
    }
    if (now >= m_next_status) {
        m_next_status = now + k_status_interval;
        SourceFigures figures;
        if (m_connection) {
            figures = read_figures(*m_connection, m_settings.slot.name);
            if (figures.current) {
                m_rate.look(*figures.current, now);
            }
            judge(figures);
        }
        report_status(figures);
        look_at_capture();
        if (m_connection && m_mode == Mode::streaming && now >= m_next_beat) {
            m_next_beat = now + k_beat_interval;
            beat(figures);
        }
    }
    if (m_connection && m_mode == Mode::streaming && now >= m_next_schema) {
        m_next_schema = now + k_schema_interval;
        report_schema();
    }
}

void Reporter::look_at_source() {
    try {
        m_connection.emplace(connect_sql(m_settings.source, "report"));
        m_connection->exec("SET statement_timeout = '30s'");
        m_link.source_away(false);
    } catch (const base::Error& e) {
        m_connection.reset();
        if (e.kind() != base::ErrorKind::transient) {
            throw;
        }
        m_link.source_away(true);
        process::log_debug("no ordinary connection to the source", {{"why", e.what()}});
    }
}

void Reporter::judge(const SourceFigures& figures) {
    if (m_mode == Mode::streaming && figures.wal_status == "lost") {
        m_link.fail(base::Error(base::ErrorKind::source,
                                "replication slot \"" + m_settings.slot.name +
                                    "\" is lost: the server removed WAL that it needed",
                                "Look at max_slot_wal_keep_size; the replica must be made anew."));
        return;
    }
    if (const auto why =
            excess(figures, m_settings.slot.name, m_settings.limits.max_retained_wal)) {
        m_link.give_up_slot(*why);
    }
}

void Reporter::report_status(const SourceFigures& figures) {
    protocol::AgentStatus status;
    status.session = m_session;
    status.source_lsn = figures.current;
    status.retained_wal_bytes = figures.retained_bytes;
    status.wal_status = figures.wal_status;
    status.safe_wal_size = figures.safe_wal_size;
    status.resident_bytes = resident_bytes();
    status.wal_bytes_per_second = m_rate.bytes_per_second();
    status.warnings = warnings(figures, m_rate.bytes_per_second());
    if (const auto slots = held_back(figures); !slots.empty()) {
        status.warnings.push_back(
            "the source sends nothing before the standbys in synchronized_standby_slots have it: " +
            base::join(slots, ", "));
    }
    const std::string all = base::join(status.warnings, "; ");
    if (all != m_last_warning && !all.empty()) {
        process::log_warning("the slot needs attention", {{"why", all}});
    }
    m_last_warning = all;
    if (auto report = m_watch != nullptr ? m_watch->take() : std::nullopt) {
        m_preflight = std::move(report);
    }
    status.preflight = m_preflight;
    if (environment().status(status)) {
        m_preflight.reset();
    } else {
        m_link.lose_session();
    }
}

// Waiting for a moment is how failover slots work; without a step between two looks it is a standby
// that is missing.
std::vector<std::string> Reporter::held_back(const SourceFigures& figures) {
    if (!m_connection || m_mode != Mode::streaming) {
        return {};
    }
    std::vector<std::string> slots = holding_back(*m_connection, m_settings.slot.name);
    const bool stuck = m_held_at && m_held_at == figures.confirmed_flush;
    m_held_at = slots.empty() ? std::nullopt : figures.confirmed_flush;
    return stuck ? slots : std::vector<std::string>{};
}

// A primary ends our stream when it makes a key; a standby that we read from only gets to know it.
// Whether capture that went away, or came back, is anything to stop for, the environment says at
// hello.
void Reporter::look_at_capture() {
    if (!m_connection || m_mode != Mode::streaming || !m_capture) {
        return;
    }
    const std::string reason = why_not_capturing(*m_connection);
    if (reason.empty() != m_capture->on) {
        process::log_info("DDL capture is another one than when the session began: beginning anew",
                          {{"capture", reason.empty() ? "on" : reason}});
        m_link.lose_session();
    } else if (look_at_keys(*m_connection, m_capture->prefixes) == KeyLook::more) {
        process::log_info(
            "DDL capture has a key that this stream does not ask for: beginning anew");
        m_link.lose_session();
    }
}

void Reporter::report_schema() {
    const protocol::SchemaReport report = read_schema_report(
        *m_connection, m_session, m_settings.source.schemas, m_settings.source.excluded);
    if (const auto progress = environment().schema(report)) {
        m_link.progress(*progress);
    } else {
        m_link.lose_session();
    }
}

void Reporter::beat(const SourceFigures& figures) {
    const bool moved = figures.current && m_beat_current && *figures.current != *m_beat_current;
    const bool confirmed = figures.confirmed_flush != m_beat_confirmed;
    m_beat_current = figures.current;
    m_beat_confirmed = figures.confirmed_flush;
    if (moved && !confirmed && m_link.state().trouble.empty()) {
        write_heartbeat(*m_connection);
    }
}

// An environment that does not answer must not keep us from seeing that the source stops.
EnvironmentApi& Reporter::environment() {
    if (!m_api) {
        m_api.emplace(m_settings.environment, [this] { return m_stop || source_hung_up(); });
    }
    return *m_api;
}

// Asks the kernel: what the server may say to an idle session is no end.
bool Reporter::source_hung_up() const {
    pollfd source{m_connection ? m_connection->socket() : -1, POLLRDHUP, 0};
    return ::poll(&source, 1, 0) > 0;
}

void Reporter::wait() {
    const auto next = m_connection ? std::min(m_next_status, m_next_schema) : m_next_connect;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    const int timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 10, 1000));
    std::array<pollfd, 2> fds = {pollfd{m_wake.get(), POLLIN, 0},
                                 pollfd{m_connection ? m_connection->socket() : -1, POLLIN, 0}};
    ::poll(fds.data(), fds.size(), timeout);
    // Nothing is asked at this point: what comes is the server ending the connection.
    if (m_connection && (!m_connection->ok() ||
                         (fds[1].revents != 0 &&
                          (PQconsumeInput(m_connection->handle()) == 0 || !m_connection->ok())))) {
        m_connection.reset();
        m_next_connect = {};
    }
}

}  // namespace ardent::agent
