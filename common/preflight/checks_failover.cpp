// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/settings_fix.hpp"

#include "common/base/text.hpp"

#include <array>
#include <optional>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr int k_has_failover_slots = 17;

constexpr const char* k_agent_name = "ardent-agent";

struct Topology {
    std::vector<std::string> standbys;       // application names
    std::vector<std::string> standby_slots;  // physical ones, whoever comes for them
    std::string synchronous;                 // synchronous_standby_names
    std::string confirming;                  // synchronized_standby_slots
    std::vector<std::string> missing;        // of them, slots that are not there or have no standby
    std::vector<std::string> without_failover;
    std::vector<std::string> with_failover;
    bool patroni = false;
};

Topology read_topology(const Context& context) {
    Topology seen;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const std::string kind = context.text(i, 0);
        const std::string name = context.text(i, 1);
        if (kind == "standby") {
            seen.standbys.push_back(name);
        } else if (kind == "standby_slot") {
            seen.standby_slots.push_back(name);
        } else if (kind == "synchronous") {
            seen.synchronous = name;
        } else if (kind == "confirming") {
            seen.confirming = name;
        } else if (kind == "missing") {
            seen.missing.push_back(name);
        } else if (kind == "slot") {
            (context.flag(i, 2) ? seen.with_failover : seen.without_failover).push_back(name);
        } else if (kind == "patroni") {
            seen.patroni = true;
        }
    }
    return seen;
}

/// The names in synchronous_standby_names, whose form is [FIRST|ANY] n (names) or names.
std::string_view synchronous_list(std::string_view value) {
    const std::size_t open = value.find('(');
    const std::size_t close = value.rfind(')');
    return open == std::string_view::npos || close == std::string_view::npos || close < open
               ? value
               : value.substr(open + 1, close - open - 1);
}

std::string without_star(const Topology& seen) {
    std::vector<std::string> names;
    for (const std::string& standby : seen.standbys) {
        names.push_back(quote_identifier(standby));
    }
    std::string value = seen.synchronous;
    const std::size_t star = value.find('*');
    return value.replace(star, 1, base::join(names, ", "));
}

Outcome judge_synchronous(const Context& context) {
    const Topology seen = read_topology(context);
    Outcome outcome;
    outcome.actual = seen.synchronous.empty() ? "none" : seen.synchronous;
    const std::optional<std::vector<std::string>> names =
        split_identifiers(synchronous_list(seen.synchronous));
    bool star = false;
    bool named = false;
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
        star = star || name == "*";
        named = named || name.rfind(k_agent_name, 0) == 0;
    }
    if (!star && !named) {
        return outcome;
    }
    outcome = finding(Status::fail, seen.synchronous,
                      "synchronous_standby_names = '" + seen.synchronous +
                          "' can elect Ardent's walsender: commits would wait for the agent.",
                      "Name your standbys instead.");
    if (star && !named && !seen.standbys.empty()) {
        outcome.hint =
            run_the_fix(context.server) + ": it names the standbys that are connected now.";
        outcome.fix = change_setting(
            context.server, {"synchronous_standby_names", quote_literal(without_star(seen)),
                             "pg_catalog.current_setting('synchronous_standby_names') = " +
                                 quote_literal(seen.synchronous),
                             Takes::reload});
    }
    return outcome;
}

bool has_standbys(const Topology& seen) {
    return !seen.standbys.empty() || !seen.standby_slots.empty();
}

Outcome judge_failover_slot(const Context& context) {
    const Topology seen = read_topology(context);
    if (context.server.major() < k_has_failover_slots || context.server.in_recovery ||
        !has_standbys(seen)) {
        return {};
    }
    return listed(
        seen.without_failover, Status::warn,
        "A standby that is promoted does not have the slot; the database would be copied "
        "again:",
        "Restart ardent-agent: at its start it gives the slot failover when standbys are there "
        "(ALTER_REPLICATION_SLOT name (FAILOVER) of the replication protocol, while nobody uses "
        "the slot).");
}

Outcome judge_confirmation(const Context& context) {
    const Topology seen = read_topology(context);
    Outcome outcome;
    outcome.actual = seen.confirming.empty() ? "empty" : seen.confirming;
    if (!context.server.in_recovery && !seen.with_failover.empty() && has_standbys(seen) &&
        seen.confirming.empty()) {
        return finding(Status::warn, outcome.actual,
                       "The replica can be ahead of a standby that is promoted.",
                       "Name the standbys' physical slots in synchronized_standby_slots.");
    }
    return outcome;
}

Outcome judge_confirming_slots(const Context& context) {
    return listed(
        read_topology(context).missing, Status::fail,
        "synchronized_standby_slots names slots that no standby uses; Ardent's stream waits "
        "for them:",
        "Take them out of synchronized_standby_slots and reload, or start the standby.");
}

Outcome judge_sync_worker(const Context& context) {
    const std::optional<Setting> sync = find_setting(context, "sync_replication_slots");
    const std::optional<Setting> slot = find_setting(context, "primary_slot_name");
    Outcome outcome;
    outcome.actual = !context.server.in_recovery ? "not a standby"
                     : !sync                     ? "not known here"
                                                 : sync->value;
    if (!context.server.in_recovery || !sync) {
        return outcome;
    }
    if (sync->value != "on" || !slot || slot->value.empty()) {
        return finding(Status::warn,
                       "sync_replication_slots " + sync->value + ", primary_slot_name " +
                           (slot && !slot->value.empty() ? "set" : "empty"),
                       "This standby does not fetch failover slots from its primary.",
                       "Set sync_replication_slots = on, primary_slot_name, and dbname in "
                       "primary_conninfo.");
    }
    return outcome;
}

Outcome judge_managed(const Context& context) {
    const Topology seen = read_topology(context);
    Outcome outcome;
    outcome.actual = seen.patroni ? "Patroni" : "none seen";
    if (!seen.patroni || context.server.major() >= k_has_failover_slots) {
        return outcome;
    }
    outcome = finding(Status::warn, outcome.actual,
                      "Patroni is here: at a switchover the slot is lost, unless its configuration "
                      "(patronictl edit-config) has it:",
                      "Add the block, with the slot's name of this connector.");
    const std::string slot = !context.request.own_slot.empty() ? context.request.own_slot
                             : !seen.without_failover.empty()  ? seen.without_failover.front()
                                                               : "ardent_<connector>";
    for (const std::string& line :
         {std::string("slots:"), "  " + slot + ":", std::string("    type: logical"),
          "    database: " + context.server.database, std::string("    plugin: wal2json")}) {
        outcome.details.push_back("  " + line);
    }
    return outcome;
}

constexpr Section k_here = Section::slots;

}  // namespace

// One fact a row. A physical walsender has no database.
const Observation k_topology = {R"(
SELECT 'standby', a.application_name, NULL
  FROM pg_catalog.pg_stat_get_wal_senders() AS w
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid
 WHERE a.datid IS NULL AND a.application_name <> 'pg_basebackup'
UNION ALL
SELECT 'standby_slot', s.slot_name, NULL
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.slot_type = 'physical' AND NOT s.temporary
UNION ALL
SELECT 'synchronous', pg_catalog.current_setting('synchronous_standby_names'), NULL
UNION ALL
SELECT 'confirming', pg_catalog.current_setting('synchronized_standby_slots', true), NULL
UNION ALL
SELECT 'missing', n.name, NULL
  FROM pg_catalog.regexp_split_to_table(
           coalesce(pg_catalog.current_setting('synchronized_standby_slots', true), ''), '[\s,"]+')
       AS n (name)
  LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = n.name
 WHERE n.name <> '' AND coalesce(NOT s.active, true)
UNION ALL
SELECT 'slot', s.slot_name, pg_catalog.to_jsonb(s) ->> 'failover'
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.slot_name = $1::text
    OR ($1::text = '' AND pg_catalog.starts_with(s.slot_name, 'ardent_')
        AND s.database = pg_catalog.current_database())
UNION ALL
SELECT 'patroni', '', NULL
 WHERE EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.application_name ~* '^patroni')
)",
                                Arguments::own_slot};

Checks failover_checks() noexcept {
    static const std::array<Check, 6> k_checks = {{
        {"synchronous_standbys", k_here, "synchronous standbys", "names of standbys, no *",
         &k_topology, judge_synchronous},
        {"failover_slot", k_here, "failover slot", "failover, where standbys are", &k_topology,
         judge_failover_slot, false},
        {"failover_confirmation", k_here, "failover confirmation",
         "the standbys' slots, where the slot has failover", &k_topology, judge_confirmation,
         false},
        {"synchronized_standby_slots", k_here, "synchronized standby slots", "slots in use",
         &k_topology, judge_confirming_slots},
        {"standby_slot_sync", k_here, "standby slot sync", "on, on a standby from 17", &k_settings,
         judge_sync_worker, false},
        {"managed_failover", k_here, "managed failover", "the slot in Patroni's configuration",
         &k_topology, judge_managed, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
