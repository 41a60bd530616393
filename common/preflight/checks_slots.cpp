// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

std::string whose(const Context& context, std::size_t row) {
    return context.text(row, 1);
}

/// The connector's own slot, or, where nobody says which that is, every slot of Ardent in this
/// database.
bool is_ours(const Context& context, std::size_t row) {
    return whose(context, row) == "own" ||
           (context.request.own_slot.empty() && whose(context, row) == "here");
}

Outcome judge_definition(const Context& context) {
    std::vector<std::string> wrong;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (!is_ours(context, i)) {
            continue;
        }
        std::string why;
        if (context.text(i, 3) != "logical") {
            why = "a physical slot";
        } else if (context.text(i, 4) != "wal2json") {
            why = "made for the plugin " + context.text(i, 4);
        } else if (!context.flag(i, 13)) {
            why = "a slot of database " + context.text(i, 2);
        } else if (context.flag(i, 5)) {
            why = "temporary";
        }
        if (!why.empty()) {
            wrong.push_back(context.text(i, 0) + ": " + why);
        }
    }
    return listed(std::move(wrong), Status::fail, "The slot is not one that Ardent can use:",
                  "Drop it (pg_drop_replication_slot) and set the connector up again, or name "
                  "another slot.");
}

Outcome judge_state(const Context& context) {
    std::vector<std::string> lost;
    std::vector<std::string> near;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (!is_ours(context, i)) {
            continue;
        }
        const std::string reason = context.text(i, 11);
        const std::string state = context.text(i, 7);
        if (state == "lost" || !reason.empty() || context.flag(i, 12)) {
            lost.push_back(context.text(i, 0) + ": " +
                           (reason.empty() ? "its WAL is gone or it conflicts" : reason));
        } else if (state == "unreserved") {
            near.push_back(context.text(i, 0) + ": its WAL goes at the next checkpoint");
        }
    }
    // No failure: that would keep the agent from the new copy, which makes another slot.
    if (!lost.empty()) {
        return listed(
            std::move(lost), Status::warn, "The server has invalidated the slot:",
            "Make the replica anew: ardent connector retry-setup --resync. The copy makes "
            "another slot.");
    }
    return listed(std::move(near), Status::warn, "The slot is about to be lost:",
                  "Start the agent, or raise max_slot_wal_keep_size and reload now.");
}

Outcome judge_abandoned(const Context& context) {
    std::vector<std::string> slots;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const bool ardent = whose(context, i) != "other";
        if (!ardent && !context.flag(i, 6) && !context.flag(i, 5) && !context.is_null(i, 8)) {
            slots.push_back(context.text(i, 0) + " holds " + show_bytes(context.number(i, 8)) +
                            " of WAL");
        }
    }
    return listed(std::move(slots), Status::warn,
                  "Nobody reads these slots, and they keep WAL until the disk is full:",
                  "Ask their owner; SELECT pg_drop_replication_slot('name') drops one.");
}

Outcome judge_xmin(const Context& context) {
    std::vector<std::string> slots;
    bool last = false;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        const long age = std::max(context.number(i, 9), context.number(i, 14));
        if (age > k_old_age) {
            slots.push_back(context.text(i, 0) + ": " + std::to_string(age) + " transactions");
            last = last || age > k_last_age;
        }
    }
    return listed(std::move(slots), last ? Status::fail : Status::warn,
                  "These slots keep vacuum from the transactions since:",
                  "Let their consumers catch up, or drop the slots.");
}

constexpr Section k_here = Section::slots;

}  // namespace

const Observation k_slots = {R"(
SELECT pg_catalog.quote_ident(s.slot_name),
       CASE WHEN s.slot_name = $1::text THEN 'own'
            WHEN NOT pg_catalog.starts_with(s.slot_name, 'ardent_') OR s.database IS NULL THEN 'other'
            WHEN s.database = pg_catalog.current_database() THEN 'here'
            ELSE 'elsewhere'
       END,
       pg_catalog.quote_ident(s.database), s.slot_type, s.plugin, s.temporary, s.active, s.wal_status,
       pg_catalog.pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint,
       pg_catalog.age(s.catalog_xmin), j.slot ->> 'failover', j.slot ->> 'invalidation_reason',
       j.slot ->> 'conflicting', s.database = pg_catalog.current_database(), pg_catalog.age(s.xmin)
  FROM pg_catalog.pg_replication_slots AS s
 CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(s)) AS j (slot)
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN pg_catalog.pg_last_wal_replay_lsn()
                         ELSE pg_catalog.pg_current_wal_lsn()
                    END) AS here (lsn)
 ORDER BY 1
)",
                             Arguments::own_slot};

Checks slot_checks() noexcept {
    static const std::array<Check, 4> k_checks = {{
        {"slot_definition", k_here, "slot definition", "logical, wal2json, this database", &k_slots,
         judge_definition},
        {"slot_state", k_here, "slot state", "reserved or extended", &k_slots, judge_state},
        {"abandoned_slots", k_here, "abandoned slots", "none", &k_slots, judge_abandoned, false},
        {"slot_transaction_age", k_here, "slot transaction age", "below 1000000000", &k_slots,
         judge_xmin},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
