// SPDX-License-Identifier: PostgreSQL
#include "agent/source/preflight.hpp"

#include "common/base/text.hpp"
#include "common/preflight/connection_runner.hpp"
#include "common/preflight/preflight.hpp"

namespace ardent::agent {

namespace {

/// As ConnectionRunner asks for it.
class Stoppable {
public:
    Stoppable(pq::Connection& connection, const std::atomic<bool>* stop) noexcept
        : m_connection(connection), m_stop(stop) {}

    pq::Result exec(const std::string& sql) {
        look();
        return m_connection.exec(sql);
    }
    pq::Result exec(const std::string& sql, std::span<const pq::Value> parameters) {
        look();
        return m_connection.exec(sql, parameters);
    }

private:
    void look() const {
        if (m_stop != nullptr && *m_stop) {
            throw base::Error(base::ErrorKind::transient, "stopped while checking the source");
        }
    }

    pq::Connection& m_connection;
    const std::atomic<bool>* m_stop;
};

}  // namespace

preflight::Report run_preflight(pq::Connection& connection, const Settings& settings,
                                const std::atomic<bool>* stop) {
    Stoppable stoppable(connection, stop);
    preflight::ConnectionRunner<Stoppable> runner(stoppable);
    preflight::Request request;
    request.schemas = settings.source.schemas;
    request.role = settings.source.user;
    request.own_slot = settings.slot.name;
    request.target = settings.source.host + ":" + settings.source.port;
    request.accept.large_objects = settings.slot.accept_large_objects;
    request.accept.excluded = {settings.source.excluded.begin(), settings.source.excluded.end()};
    return preflight::run(runner, request);
}

std::string failing_checks(const preflight::Report& report) {
    std::vector<std::string> lines;
    for (const preflight::CheckResult& check : report.checks) {
        if (check.status == preflight::Status::fail) {
            lines.push_back(check.label + (check.shown.empty() ? "" : " (" + check.shown + ")"));
        }
    }
    return base::join(lines, "; ");
}

std::string preflight_json(const preflight::Report& report) {
    return preflight::to_json(report);
}

}  // namespace ardent::agent
