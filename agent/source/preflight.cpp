// SPDX-License-Identifier: PostgreSQL
#include "agent/source/preflight.hpp"

#include "common/base/text.hpp"
#include "common/preflight/connection_runner.hpp"
#include "common/preflight/preflight.hpp"

namespace ardent::agent {

preflight::Report run_preflight(pq::Connection& connection, const Settings& settings) {
    preflight::ConnectionRunner<pq::Connection> runner(connection);
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
