// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/settings_fix.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ardent::preflight {

namespace {

constexpr long k_gigabyte = 1024L * 1024 * 1024;
constexpr long k_megabyte = 1024L * 1024;
constexpr long k_two_days = 2L * 24 * 60 * 60;
constexpr long k_ten_minutes = 10L * 60;
constexpr long k_day = 24L * 60 * 60;
constexpr long k_day_ms = k_day * 1000;

// Bytes a second since the statistics were reset (unknown in the first minute after), and what
// slots may keep.
constexpr Observation k_wal = {R"(
SELECT CASE WHEN w.stats_reset < pg_catalog.now() - interval '1 minute'
            THEN (w.wal_bytes / extract(epoch FROM pg_catalog.now() - w.stats_reset))::bigint
       END,
       (SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = 'max_slot_wal_keep_size')
  FROM pg_catalog.pg_stat_wal AS w
)",
                               Arguments::none, false, 140000,
                               R"(
SELECT NULL,
       (SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = 'max_slot_wal_keep_size')
)"};

std::string keep_size_guard(long need) {
    return "(SELECT CASE WHEN f.setting ~ '^ *[0-9]+ *$' THEN f.setting::bigint * 1048576\n"
           "             ELSE pg_catalog.pg_size_bytes(f.setting)\n"
           "        END\n"
           "   FROM (SELECT " +
           coming_value("max_slot_wal_keep_size") + ") AS f (setting)) BETWEEN 0 AND " +
           std::to_string(need - 1);
}

Outcome judge_keep_size(const Context& context) {
    const long rate = context.number(0, 0);
    const long keep = context.number(0, 1);
    const long need =
        (std::max(k_gigabyte, rate * k_two_days) + k_gigabyte - 1) / k_gigabyte * k_gigabyte;
    if (keep < 0) {
        return finding(
            Status::warn, "no limit",
            "While the agent is down the slot keeps all WAL, until the disk is full.",
            "Set max_slot_wal_keep_size to what the disk can spare: below it the slot is "
            "safe, above it the slot is lost and the disk is saved.");
    }
    Outcome outcome;
    outcome.actual = show_bytes(keep * k_megabyte);
    if (keep * k_megabyte < need) {
        return finding(
            keep == 0 ? Status::fail : Status::warn, outcome.actual,
            keep == 0 ? "A slot is lost as soon as its consumer is behind a checkpoint."
                      : "A slot is lost when its consumer is down for less than two days.",
            run_the_fix(context.server) + ", where the disk of pg_wal has that much room.",
            change_setting(context.server, {"max_slot_wal_keep_size",
                                            "'" + std::to_string(need / k_gigabyte) + "GB'",
                                            keep_size_guard(need), Takes::reload, true}));
    }
    return outcome;
}

Outcome judge_disk(const Context& context) {
    if (!context.inside.wal_free) {
        return finding(
            Status::unverified, "",
            context.inside.is_inside ? "Only a superuser or a member of pg_monitor is told."
                                     : "Only seen inside the server.",
            find_provider(context.server.provider).managed && !context.inside.is_inside
                ? "See the provider's own figures, and leave room for a day of WAL."
                : "Ask inside the server as a member of pg_monitor: SELECT ardent_preflight();");
    }
    const long left = std::strtol(context.inside.wal_free->c_str(), nullptr, 10);
    const long rate = context.number(0, 0);
    Outcome outcome;
    outcome.actual = show_bytes(left) + " free";
    if (rate > 0) {
        outcome.actual += ", " + show_bytes(rate) + " of WAL a second";
    }
    const bool short_of = rate > 0 ? left / rate < k_ten_minutes : left < k_gigabyte;
    const bool warns = rate > 0 && left / rate < k_day;
    if (short_of || warns) {
        return finding(short_of ? Status::fail : Status::warn, outcome.actual,
                       rate > 0 ? "The disk of pg_wal is full in " + show_time(left / rate * 1000) +
                                      " if a slot stands still."
                                : "The disk of pg_wal has less than 1 GB free.",
                       "Make room, or bound what slots keep with max_slot_wal_keep_size.");
    }
    return outcome;
}

Outcome judge_idle_timeout(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "idle_replication_slot_timeout");
    Outcome outcome;
    outcome.actual = !setting                 ? "not known here"
                     : setting->number() == 0 ? "off"
                                              : show_time(setting->number());
    if (setting && setting->number() > 0 && setting->number() < k_day_ms) {
        return finding(
            Status::warn, outcome.actual,
            "The slot is lost when the agent is stopped for longer than that.",
            run_the_fix(context.server) + ", or choose a day or more.",
            change_setting(context.server,
                           {"idle_replication_slot_timeout", "0",
                            "(SELECT setting::int FROM pg_catalog.pg_settings WHERE name = "
                            "'idle_replication_slot_timeout') BETWEEN 1 AND " +
                                std::to_string(k_day - 1),
                            Takes::reload}));
    }
    return outcome;
}

constexpr Section k_here = Section::slots;

}  // namespace

Checks wal_checks() noexcept {
    static const std::array<Check, 3> k_checks = {{
        {"slot_wal_limit", k_here, "slot wal limit", "two days of WAL, at least 1 GB", &k_wal,
         judge_keep_size},
        {"wal_disk_room", k_here, "wal disk room", "room for a day of WAL", &k_wal, judge_disk},
        {"idle_slot_timeout", k_here, "idle slot timeout", "off, or a day or more", &k_settings,
         judge_idle_timeout},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
