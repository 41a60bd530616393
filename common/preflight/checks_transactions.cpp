// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr long k_blocking_seconds = 600;

// Transactions of others that are older than a minute, and those whose age this caller may not see.
// One with a transaction id makes the creation of a slot wait.
constexpr Observation k_transactions = {R"(
SELECT a.pid, pg_catalog.quote_ident(a.usename), a.application_name, a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint,
       a.backend_xid IS NOT NULL,
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s
                WHERE s.slot_name = $2::text
                   OR ($2::text = '' AND pg_catalog.starts_with(s.slot_name, 'ardent_')
                       AND s.database = pg_catalog.current_database()))
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid <> pg_catalog.pg_backend_pid()
   AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
   AND a.usesysid IS NOT NULL
   AND a.usename <> $1::text
   AND coalesce(a.backend_type, '') <> 'walsender'
   AND coalesce(a.xact_start < pg_catalog.clock_timestamp() - interval '1 minute', true)
 ORDER BY 5 DESC NULLS LAST, 1
)",
                                        Arguments::role_and_slot};

constexpr Observation k_prepared = {R"(
SELECT pg_catalog.quote_literal(p.gid), pg_catalog.quote_ident(p.database),
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::bigint,
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s
                WHERE s.slot_name = $1::text
                   OR ($1::text = '' AND pg_catalog.starts_with(s.slot_name, 'ardent_')
                       AND s.database = pg_catalog.current_database()))
  FROM pg_catalog.pg_prepared_xacts AS p
 ORDER BY p.prepared
)",
                                    Arguments::own_slot};

std::string for_how_long(long seconds) {
    return show_time(seconds >= 3600 ? seconds / 3600 * 3600000
                     : seconds >= 60 ? seconds / 60 * 60000
                                     : seconds * 1000);
}

Outcome judge_old(const Context& context) {
    std::vector<std::string> sessions;
    std::size_t hidden = 0;
    bool blocks = false;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (context.is_null(i, 4)) {
            ++hidden;
            continue;
        }
        const bool writes = context.flag(i, 5);
        sessions.push_back("pid " + context.text(i, 0) + ", " + context.text(i, 1) + ", \"" +
                           context.text(i, 2) + "\", " + context.text(i, 3) + " for " +
                           for_how_long(context.number(i, 4)) + (writes ? ", writes" : ""));
        blocks =
            blocks || (writes && context.number(i, 4) > k_blocking_seconds && !context.flag(i, 6));
    }
    if (sessions.empty() && hidden > 0) {
        return finding(Status::unverified, "",
                       "The age of " + std::to_string(hidden) +
                           " transactions is hidden from this role (pg_read_all_stats sees it).",
                       "Ask as a member of pg_read_all_stats or pg_monitor.");
    }
    return listed(std::move(sessions), blocks ? Status::fail : Status::warn,
                  blocks ? "The slot cannot be created before the transactions that write end:"
                         : "Long transactions keep WAL and dead rows, and delay a new slot:",
                  "Let them end, or SELECT pg_terminate_backend(pid).");
}

Outcome judge_prepared(const Context& context) {
    std::vector<std::string> transactions;
    bool blocks = false;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        transactions.push_back(context.text(i, 0) + " in database " + context.text(i, 1) +
                               ", for " + for_how_long(context.number(i, 2)));
        blocks = blocks || (context.number(i, 2) > k_blocking_seconds && !context.flag(i, 3));
    }
    return listed(std::move(transactions), blocks ? Status::fail : Status::warn,
                  blocks ? "The slot cannot be created before these prepared transactions end:"
                         : "Prepared transactions are open; they delay a new slot:",
                  "Its owner decides: COMMIT PREPARED or ROLLBACK PREPARED, in its database.");
}

constexpr Section k_here = Section::slots;

}  // namespace

Checks transaction_checks() noexcept {
    static const std::array<Check, 2> k_checks = {{
        {"old_transactions", k_here, "old transactions", "none older than a minute",
         &k_transactions, judge_old},
        {"prepared_transactions", k_here, "prepared transactions", "none", &k_prepared,
         judge_prepared},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
