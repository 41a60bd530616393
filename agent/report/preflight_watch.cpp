// SPDX-License-Identifier: PostgreSQL
#include "agent/report/preflight_watch.hpp"

#include "agent/source/connect.hpp"
#include "agent/source/preflight.hpp"
#include "common/process/log.hpp"

namespace ardent::agent {

namespace {

constexpr std::chrono::milliseconds k_cancel_again{100};
constexpr const char* k_light =
    "SET statement_timeout = '30s'; SET lock_timeout = '1s'; "
    "SET default_transaction_read_only = on";

}  // namespace

PreflightWatch::PreflightWatch(const Settings& settings, FailingChecks& known)
    : m_settings(settings), m_known(known) {
    if (m_settings.source.preflight_interval.count() > 0) {
        m_thread = std::thread([this] { run(); });
    }
}

// A cancel that comes between two statements is lost, hence again.
PreflightWatch::~PreflightWatch() {
    if (!m_thread.joinable()) {
        return;
    }
    m_stop = true;
    {
        std::unique_lock lock(m_mutex);
        m_wake.notify_all();
        do {
            if (m_running != nullptr) {
                m_running->cancel();
            }
        } while (!m_wake.wait_for(lock, k_cancel_again, [this] { return m_ended; }));
    }
    m_thread.join();
}

std::optional<std::string> PreflightWatch::take() {
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_report, std::nullopt);
}

void PreflightWatch::run() noexcept {
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, m_settings.source.preflight_interval,
                            [this] { return m_stop.load(); })) {
        lock.unlock();
        try {
            look();
            m_failed = false;
        } catch (const std::exception& e) {
            if (!m_stop && !std::exchange(m_failed, true)) {
                process::log_warning("the checks of the source did not run", {{"why", e.what()}});
            }
        }
        lock.lock();
    }
    m_ended = true;
    m_wake.notify_all();
}

void PreflightWatch::look() {
    pq::Connection connection = connect_sql(m_settings.source, "watch");
    connection.exec(k_light);
    const auto announce = [this](pq::Connection* running) {
        const std::lock_guard lock(m_mutex);
        m_running = running;
    };
    preflight::Report report;
    announce(&connection);
    try {
        report = run_preflight(connection, m_settings, &m_stop);
    } catch (...) {
        announce(nullptr);
        throw;
    }
    announce(nullptr);
    log_changes(m_known, report);
    const std::lock_guard lock(m_mutex);
    m_report = preflight_json(report);
}

}  // namespace ardent::agent
