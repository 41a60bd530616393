// SPDX-License-Identifier: PostgreSQL
#include "agent/report/sequence_watch.hpp"

#include "agent/source/connect.hpp"
#include "common/base/text.hpp"
#include "common/process/log.hpp"

#include <algorithm>
#include <chrono>

namespace ardent::agent {

namespace {

constexpr const char* k_light =
    "SET statement_timeout = '5s'; SET default_transaction_read_only = on";
constexpr std::size_t k_named = 20;
constexpr std::chrono::minutes k_patience{1};

std::string named(const std::vector<model::RelationName>& relations) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(relations.size(), k_named); ++i) {
        names.push_back(model::to_string(relations[i]));
    }
    const std::size_t more = relations.size() - names.size();
    return base::join(names, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

}  // namespace

SequenceWatch::SequenceWatch(const Settings& settings, const std::string& session, Link& link)
    : m_settings(settings), m_link(link), m_changes(session), m_thread([this] { run(); }) {}

SequenceWatch::~SequenceWatch() {
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_wake.notify_all();
    m_thread.join();
}

void SequenceWatch::run() noexcept {
    auto next = std::chrono::steady_clock::now();
    while (turn()) {
        next =
            std::max(next + m_settings.source.sequence_interval, std::chrono::steady_clock::now());
        std::unique_lock lock(m_mutex);
        if (m_wake.wait_until(lock, next, [this] { return m_stop.load(); })) {
            return;
        }
    }
}

bool SequenceWatch::turn() noexcept {
    try {
        look();
        m_complained.clear();
        m_done = Clock::now();
        return true;
    } catch (const base::Error& e) {
        if (m_stop) {
            return false;
        }
        if (m_connection && !m_connection->ok()) {
            m_connection.reset();
        }
        if (e.kind() == base::ErrorKind::config || e.kind() == base::ErrorKind::bug) {
            m_link.fail(e);
            return false;
        }
        if (e.kind() == base::ErrorKind::replica) {
            m_link.stop_connector({e.what(), e.hint(), std::nullopt, {}});
        }
        complain(e);
        return true;
    } catch (const std::exception& e) {
        m_link.fail(base::Error(base::ErrorKind::bug, std::string("sequences: ") + e.what()));
        return false;
    }
}

// What passes by itself is worth a line when it does not.
void SequenceWatch::complain(const base::Error& error) {
    const bool passing = error.kind() == base::ErrorKind::transient;
    if ((passing && Clock::now() - m_done < k_patience) || m_complained == error.what()) {
        process::log_debug("the sequences were not reported", {{"why", error.what()}});
        return;
    }
    m_complained = error.what();
    process::log_warning("the sequences were not reported", {{"why", error.what()}});
}

void SequenceWatch::look() {
    if (!m_connection) {
        m_connection.emplace(connect_sql(m_settings.source, "sequences"));
        m_connection->exec(k_light);
    }
    const protocol::SequenceReport report =
        m_changes.report(read_sequences(*m_connection, m_settings.source.schemas,
                                        m_settings.source.excluded, [this] { return !m_stop; }));
    if (const auto unreadable = m_changes.newly_unreadable(report); !unreadable.empty()) {
        process::log_warning(
            "sequences that the role may not read: their values are not carried",
            {{"sequences", named(unreadable)},
             {"hint", "Run the grant script: GRANT SELECT, and USAGE on the schema."}});
    }
    if (!m_api) {
        m_api.emplace(m_settings.environment, http::when_set(m_stop));
    }
    const auto progress = m_api->sequences(report);
    if (!progress) {
        m_link.lose_session();
        return;
    }
    m_changes.acknowledged(report);
    m_link.progress(*progress);
    m_link.want(report.lsn);  // also of one without values: DDL may have taken some away
}

}  // namespace ardent::agent
