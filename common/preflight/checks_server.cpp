// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/settings_fix.hpp"

#include <algorithm>

namespace ardent::preflight {

namespace {

constexpr int k_oldest_version = 130000;
constexpr long k_least_slots = 10;
constexpr long k_least_senders = 10;

constexpr const char* k_minimum = "10 is the documented minimum. ";

std::string run_settings_script(const Server& server) {
    return find_provider(server.provider).managed
               ? "Do what the settings script below says, then re-run preflight."
               : "Run the settings script below with psql (without -1), restart the server, then "
                 "re-run preflight.";
}

/// Look-alikes keep PostgreSQL's version number but not its decoding.
bool is_postgresql(const std::string& product) {
    if (product.rfind("PostgreSQL ", 0) != 0) {
        return false;
    }
    for (const char* const other : {"-YB-", "Redshift", "Greenplum", "Materialize"}) {
        if (product.find(other) != std::string::npos) {
            return false;
        }
    }
    return true;
}

std::string pending_restart() {
    return "A new value is set already and waits for a restart.";
}

}  // namespace

const Observation k_slot_capacity = {R"(
SELECT pg_catalog.current_setting('max_replication_slots'),
       pg_catalog.count(s.slot_name),
       pg_catalog.count(s.slot_name) FILTER (WHERE s.slot_name = $1::text),
       (SELECT p.pending_restart FROM pg_catalog.pg_settings AS p WHERE p.name = 'max_replication_slots')
  FROM pg_catalog.pg_replication_slots AS s
)",
                                     Arguments::own_slot};

const Observation k_sender_capacity = {R"(
SELECT pg_catalog.current_setting('max_wal_senders'),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_wal_senders() AS w),
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s WHERE s.slot_name = $1::text AND s.active),
       (SELECT p.pending_restart FROM pg_catalog.pg_settings AS p WHERE p.name = 'max_wal_senders')
)",
                                       Arguments::own_slot};

Outcome judge_metadata(const Context& context) {
    Outcome outcome;
    outcome.actual = "PostgreSQL " + context.server.version + ", database " +
                     context.server.quoted_database + ", encoding " + context.server.encoding;
    if (context.server.version_num < k_oldest_version) {
        outcome.status = Status::fail;
        outcome.details = {"PostgreSQL " + context.server.version + " is too old"};
        outcome.hint = "Ardent needs PostgreSQL 13 or newer.";
    } else if (!is_postgresql(context.server.product)) {
        outcome.status = Status::fail;
        outcome.details = {"This speaks PostgreSQL's protocol, but is another server: " +
                           context.server.product};
        outcome.hint = "Ardent reads PostgreSQL's own logical decoding.";
    }
    return outcome;
}

Outcome judge_writer(const Context& context) {
    Outcome outcome;
    outcome.actual = context.server.in_recovery ? "read replica" : "primary";
    if (context.server.in_recovery) {
        outcome.status = Status::fail;
        outcome.details = {"This server is a read replica (it is in recovery)."};
        outcome.hint = "Use the writable primary: logical replication and schema tracking need it.";
    }
    return outcome;
}

Outcome judge_wal_level(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "wal_level");
    Outcome outcome;
    outcome.actual = setting ? setting->value : "";
    outcome.shown = "actual: " + outcome.actual;
    if (outcome.actual != "logical") {
        outcome.status = Status::fail;
        outcome.details = {"wal_level must be logical."};
        outcome.hint = run_settings_script(context.server);
        outcome.fix = change_setting(context.server, logical_wal_level());
        outcome.fix_elsewhere = true;
        if (setting && setting->pending) {
            outcome.details.push_back(pending_restart());
            outcome.hint = "Restart the server, then re-run preflight.";
        }
    }
    return outcome;
}

Outcome judge_slots(const Context& context) {
    const long most = context.number(0, 0);
    const long used = context.number(0, 1);
    const bool ours_exists = context.number(0, 2) > 0;
    Outcome outcome;
    outcome.actual = std::to_string(used) + "/" + std::to_string(most);
    outcome.shown = outcome.actual + " used";
    if (most < k_least_slots) {
        outcome.details.push_back("max_replication_slots is " + std::to_string(most) + ".");
    }
    if (used >= most && !ours_exists) {
        outcome.details.emplace_back("No replication slot is free.");
    }
    if (!outcome.details.empty()) {
        outcome.status = Status::fail;
        outcome.hint = k_minimum + run_settings_script(context.server);
        outcome.fix = change_setting(
            context.server, at_least("max_replication_slots", std::max(k_least_slots, used + 1)));
        outcome.fix_elsewhere = true;
        if (context.flag(0, 3)) {
            outcome.details.push_back(pending_restart());
        }
    }
    return outcome;
}

Outcome judge_senders(const Context& context) {
    const long most = context.number(0, 0);
    const long used = context.number(0, 1);
    const bool ours_runs = context.flag(0, 2);
    Outcome outcome;
    outcome.actual = std::to_string(most);
    outcome.shown = "max: " + outcome.actual;
    if (most < k_least_senders) {
        outcome.details.push_back("max_wal_senders is " + std::to_string(most) + ".");
    }
    if (used >= most && !ours_runs) {
        outcome.details.push_back("No WAL sender is free: " + std::to_string(used) + " of " +
                                  std::to_string(most) + " are used.");
    }
    if (!outcome.details.empty()) {
        outcome.status = Status::fail;
        outcome.hint = k_minimum + run_settings_script(context.server);
        outcome.fix = change_setting(
            context.server, at_least("max_wal_senders", std::max(k_least_senders, used + 1)));
        outcome.fix_elsewhere = true;
        if (context.flag(0, 3)) {
            outcome.details.push_back(pending_restart());
        }
    }
    return outcome;
}

}  // namespace ardent::preflight
