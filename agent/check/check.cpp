// SPDX-License-Identifier: PostgreSQL
#include "agent/check/check.hpp"

#include "agent/copy/schema_dump.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/source/connect.hpp"
#include "agent/source/identity.hpp"
#include "agent/source/preflight.hpp"
#include "agent/source/slot.hpp"
#include "common/http/client.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>
#include <functional>
#include <iostream>

namespace ardent::agent {

namespace {

constexpr int k_ready = 0;
constexpr int k_not_ready = 1;
constexpr int k_misconfigured = 2;

/// Runs one look and prints its line. What it finds wrong is an error that it throws.
int look(const std::string& label, const std::function<std::string()>& look_at) {
    try {
        const std::string found = look_at();
        std::cout << "  ✓ " << label << (found.empty() ? "" : ": " + found) << "\n";
        return k_ready;
    } catch (const base::Error& e) {
        std::cout << "  ✗ " << label << "\n      " << e.what() << "\n";
        if (!e.hint().empty()) {
            std::cout << "      → " << e.hint() << "\n";
        }
        return e.kind() == base::ErrorKind::config ? k_misconfigured : k_not_ready;
    }
}

int look_at_preflight(pq::Connection& sql, const Settings& settings) {
    const preflight::Report report = run_preflight(sql, settings);
    for (const std::string& line : preflight::to_text(report, {})) {
        std::cout << line << "\n";
    }
    return report.preflight_pass ? k_ready : k_not_ready;
}

int look_at_source(const Settings& settings) {
    std::optional<pq::Connection> sql;
    std::optional<pq::Connection> replication;
    int worst = look("source: ordinary connection", [&] {
        sql.emplace(connect_sql(settings.source, "check"));
        return "PostgreSQL " + std::to_string(sql->server_version() / 10000) + ", role " +
               settings.source.user;
    });
    if (!sql) {
        return worst;
    }
    worst = std::max(
        worst, look("source: replication connection", [&] {
            replication.emplace(connect_replication(settings.source, "ardent-agent check"));
            const protocol::SourceIdentity identity = read_identity(*replication, *sql);
            return "system " + identity.system_identifier + ", timeline " +
                   std::to_string(identity.timeline);
        }));
    worst = std::max(
        worst, look("replication slot", [&]() -> std::string {
            const SlotFacts slot = read_slot(*sql, settings.slot.name);
            if (!slot.exists) {
                return settings.slot.name + " is not there yet; the initial copy creates it";
            }
            if (const auto refusal =
                    unusable_slot(slot, settings.slot.plugin, settings.source.database)) {
                throw base::Error(base::ErrorKind::source, refusal->message, refusal->hint);
            }
            return settings.slot.name + ", confirmed up to " +
                   (slot.confirmed_flush ? model::to_string(*slot.confirmed_flush) : "nothing");
        }));
    worst = std::max(worst, look("pg_dump", [&] {
                         return find_pg_dump(settings.source.pg_dump, sql->server_version());
                     }));
    return std::max(worst, look_at_preflight(*sql, settings));
}

}  // namespace

int check(const Settings& settings) {
    http::init_library();
    std::cout << "ardent-agent check\n";
    const int environment = look("environment: " + settings.environment.url, [&] {
        EnvironmentApi(settings.environment).probe();
        return "connector " + settings.environment.connector;
    });
    const int source = look_at_source(settings);
    const int worst = std::max(environment, source);
    std::cout << (worst == k_ready ? "ready\n" : "not ready\n");
    return worst;
}

}  // namespace ardent::agent
