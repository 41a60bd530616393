// SPDX-License-Identifier: PostgreSQL
#include "tests/support/preflight_cases.hpp"

namespace ardent::tests {

using preflight::Status;

namespace {

constexpr Status k_pass = Status::pass;
constexpr Status k_fail = Status::fail;
constexpr Status k_warn = Status::warn;
constexpr Status k_info = Status::info;
constexpr Status k_unverified = Status::unverified;

/// A row of k_slots: a slot of Ardent in this database.
preflight::Row slot() {
    return {"ardent_1",   "here",       "shop",       "logical", "wal2json",
            "f",          "t",          "reserved",   "1048576", "100",
            std::nullopt, std::nullopt, std::nullopt, "t",       std::nullopt};
}

preflight::Rows slot_with(const std::vector<std::pair<std::size_t, preflight::Cell>>& cells) {
    preflight::Row row = slot();
    for (const auto& [column, value] : cells) {
        row[column] = value;
    }
    return {row};
}

preflight::Row fact(const char* kind, const char* name, preflight::Cell value = std::nullopt) {
    return {kind, name, std::move(value)};
}

void on_17(Situation& s) {
    s.server.version_num = 170006;
}

void standby_17(Situation& s) {
    on_17(s);
    s.server.in_recovery = true;
}

}  // namespace

std::vector<Case> slot_cases() {
    return {
        {"slot_wal_limit", k_pass, {{"1000", "1024"}}},
        {"slot_wal_limit", k_warn, {{std::nullopt, "-1"}}, nullptr, "until the disk is full"},
        {"slot_wal_limit", k_fail, {{std::nullopt, "0"}}, nullptr, "'1GB'"},
        {"slot_wal_limit", k_warn, {{"1000", "1023"}}, nullptr, "'1GB'"},
        {"slot_wal_limit", k_warn, {{"10000", "1024"}}, nullptr, "'2GB'"},
        {"slot_wal_limit", k_warn, {{"10000", "1024"}}, nullptr, "where the disk of pg_wal has"},
        {"wal_disk_room", k_pass, {{"1000", "-1"}}},
        {"wal_disk_room",
         k_warn,
         {{"1000000", "-1"}},
         [](Situation& s) { s.inside.wal_free = "86399000000"; }},
        {"wal_disk_room",
         k_fail,
         {{"1000000", "-1"}},
         [](Situation& s) { s.inside.wal_free = "599000000"; },
         "full in 599 s"},
        {"wal_disk_room",
         k_fail,
         {{std::nullopt, "-1"}},
         [](Situation& s) { s.inside.wal_free = "1000000"; }},
        {"wal_disk_room",
         k_unverified,
         {{"1", "-1"}},
         [](Situation& s) { s.inside = {}; },
         "inside the server"},
        {"idle_slot_timeout", k_pass, {}},
        {"idle_slot_timeout", k_pass, {setting("idle_replication_slot_timeout", "86400000")}},
        {"idle_slot_timeout", k_warn, {setting("idle_replication_slot_timeout", "300000")}},
        {"slot_definition", k_pass, {slot()}},
        {"slot_definition", k_pass, slot_with({{1, "other"}, {4, "pgoutput"}})},
        {"slot_definition", k_fail, slot_with({{4, "pgoutput"}}), nullptr, "plugin pgoutput"},
        {"slot_definition", k_fail, slot_with({{1, "own"}, {2, "other"}, {13, "f"}}),
         [](Situation& s) { s.request.own_slot = "ardent_1"; }, "database other"},
        {"slot_definition", k_pass, slot_with({{4, "pgoutput"}}),
         [](Situation& s) { s.request.own_slot = "ardent_2"; }},
        {"slot_state", k_pass, {slot()}},
        {"slot_state", k_pass, slot_with({{7, "extended"}})},
        {"slot_state", k_warn, slot_with({{7, "unreserved"}})},
        {"slot_state", k_warn, slot_with({{7, "lost"}}), nullptr, "retry-setup --resync"},
        {"slot_state", k_warn, slot_with({{11, "wal_removed"}}), nullptr, "wal_removed"},
        {"slot_state", k_warn, slot_with({{12, "true"}})},
        {"abandoned_slots", k_pass, slot_with({{6, "f"}})},
        {"abandoned_slots", k_pass, slot_with({{1, "other"}})},
        {"abandoned_slots", k_warn, slot_with({{1, "other"}, {6, "f"}}), nullptr, "1.0 MB of WAL"},
        {"slot_transaction_age", k_pass, {slot()}},
        {"slot_transaction_age", k_warn, slot_with({{9, "1000000001"}})},
        {"slot_transaction_age", k_fail, slot_with({{1, "other"}, {14, "1800000001"}})},
        {"synchronous_standbys", k_pass, {fact("synchronous", "")}},
        {"synchronous_standbys", k_pass, {fact("synchronous", "FIRST 1 (a, \"b c\")")}},
        {"synchronous_standbys", k_fail, {fact("synchronous", "*")}, nullptr, "Name your standbys"},
        {"synchronous_standbys",
         k_fail,
         {fact("standby", "s 1"), fact("synchronous", "ANY 1 (*)")},
         nullptr,
         "''ANY 1 (\"s 1\")''"},
        {"synchronous_standbys", k_fail, {fact("synchronous", "a, \"ardent-agent stream\"")}},
        {"failover_slot", k_pass, {fact("standby", "a"), fact("slot", "ardent_1", "true")}, on_17},
        {"failover_slot", k_pass, {fact("slot", "ardent_1", "false")}, on_17},
        {"failover_slot", k_pass, {fact("standby", "a"), fact("slot", "ardent_1")}},
        {"failover_slot", k_warn, {fact("standby", "a"), fact("slot", "ardent_1", "false")}, on_17},
        {"failover_slot",
         k_warn,
         {fact("standby_slot", "a"), fact("slot", "ardent_1", "false")},
         on_17},
        {"failover_slot",
         k_pass,
         {fact("standby_slot", "a"), fact("slot", "ardent_1", "false")},
         standby_17},
        {"failover_confirmation", k_pass, {fact("standby", "a")}, on_17},
        {"failover_confirmation",
         k_warn,
         {fact("standby_slot", "a"), fact("slot", "ardent_1", "true"), fact("confirming", "")},
         on_17},
        {"failover_confirmation",
         k_pass,
         {fact("standby", "a"), fact("slot", "ardent_1", "true"), fact("confirming", "a")},
         on_17},
        {"failover_confirmation",
         k_warn,
         {fact("standby", "a"), fact("slot", "ardent_1", "true"), fact("confirming", "")},
         on_17},
        {"synchronized_standby_slots", k_pass, {fact("confirming", "a")}, on_17},
        {"synchronized_standby_slots", k_fail, {fact("missing", "gone")}, on_17, "gone"},
        {"standby_slot_sync", k_pass, {setting("sync_replication_slots", "off")}, on_17},
        {"standby_slot_sync",
         k_pass,
         {setting("sync_replication_slots", "on"), setting("primary_slot_name", "a")},
         standby_17},
        {"standby_slot_sync",
         k_warn,
         {setting("sync_replication_slots", "off"), setting("primary_slot_name", "a")},
         standby_17},
        {"standby_slot_sync",
         k_warn,
         {setting("sync_replication_slots", "on"), setting("primary_slot_name", "")},
         standby_17},
        {"managed_failover", k_pass, {fact("standby", "a")}},
        {"managed_failover", k_pass, {fact("patroni", "")}, on_17},
        {"managed_failover",
         k_warn,
         {fact("patroni", ""), fact("slot", "ardent_1")},
         nullptr,
         "  ardent_1:\n      type: logical\n      database: shop\n      plugin: wal2json"},
        {"old_transactions", k_pass, {}},
        {"old_transactions",
         k_warn,
         {{"7", "app", "job", "idle in transaction", "61", "t", "f"}},
         nullptr,
         "pid 7, app, \"job\", idle in transaction for 1 min, writes"},
        {"old_transactions", k_fail, {{"7", "app", "job", "active", "601", "t", "f"}}},
        {"old_transactions", k_warn, {{"7", "app", "job", "active", "601", "t", "t"}}},
        {"old_transactions", k_warn, {{"7", "app", "job", "active", "601", "f", "f"}}},
        {"old_transactions",
         k_unverified,
         {{"7", "app", "", std::nullopt, std::nullopt, "t", "f"}}},
        {"prepared_transactions", k_pass, {}},
        {"prepared_transactions",
         k_warn,
         {{"'x'", "shop", "3", "f"}},
         nullptr,
         "'x' in database shop"},
        {"prepared_transactions", k_fail, {{"'x'", "shop", "7200", "f"}}, nullptr, "for 2 h"},
        {"prepared_transactions", k_warn, {{"'x'", "shop", "7200", "t"}}},
        {"large_objects", k_pass, {{"0"}}},
        {"large_objects", k_fail, {{"3"}}},
        {"large_objects",
         k_info,
         {{"3"}},
         [](Situation& s) { s.request.accept.large_objects = true; },
         "Accepted"},
    };
}

}  // namespace ardent::tests
