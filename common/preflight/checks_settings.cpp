// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/scripts.hpp"
#include "common/preflight/settings_fix.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>

namespace ardent::preflight {

namespace {

constexpr int k_supported_from = 14;
constexpr int k_tested_to = 18;
// Minors whose logical decoding can ask for more than 1 GB at once and then fails for good (fixed
// in the next).
constexpr std::array<int, 5> k_bad_minors = {130021, 140018, 150013, 160009, 170005};

constexpr Observation k_ages = {R"(
SELECT pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)
  FROM pg_catalog.pg_database AS d
 WHERE d.datname = pg_catalog.current_database()
)"};

constexpr Observation k_archiver = {R"(
SELECT pg_catalog.current_setting('archive_mode'),
       coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false),
       a.failed_count, a.last_failed_wal
  FROM pg_catalog.pg_stat_archiver AS a
)"};

Outcome judge_major(const Context& context) {
    const int major = context.server.major();
    Outcome outcome;
    outcome.actual = std::to_string(major);
    if (major < k_supported_from) {
        return finding(Status::warn, outcome.actual,
                       "PostgreSQL " + outcome.actual + " gets no more fixes from its community.",
                       "Plan an upgrade; Ardent works with it.");
    }
    if (major > k_tested_to) {
        return finding(Status::warn, outcome.actual,
                       "Ardent was tested up to PostgreSQL " + std::to_string(k_tested_to) + ".",
                       "Try it on a copy first.");
    }
    return outcome;
}

Outcome judge_minor(const Context& context) {
    Outcome outcome;
    outcome.actual = context.server.version;
    if (std::find(k_bad_minors.begin(), k_bad_minors.end(), context.server.version_num) !=
        k_bad_minors.end()) {
        return finding(Status::warn, outcome.actual,
                       "In this minor release decoding can fail with \"invalid memory alloc "
                       "request size\" when many transactions change the catalog.",
                       "Update to the newest minor release of this major.");
    }
    return outcome;
}

Outcome judge_timeouts(const Context& context) {
    std::vector<std::string> set;
    for (const char* const name : {"statement_timeout", "lock_timeout", "idle_session_timeout",
                                   "idle_in_transaction_session_timeout", "transaction_timeout"}) {
        const std::optional<Setting> setting = find_setting(context, name);
        if (setting && setting->number() > 0) {
            set.push_back(name + (" = " + show_time(setting->number())));
        }
    }
    Outcome outcome;
    if (!set.empty()) {
        outcome = finding(Status::info, base::join(set, ", "),
                          "The agent switches these off in its own sessions.");
        outcome.shown = outcome.actual;
    }
    return outcome;
}

Outcome judge_snapshot_threshold(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "old_snapshot_threshold");
    Outcome outcome;
    outcome.actual = !setting ? "not known here" : setting->value;
    if (setting && setting->number() >= 0) {
        return finding(
            Status::warn, show_time(setting->number()),
            "A copy that takes longer fails with \"snapshot too old\".",
            run_the_fix(context.server, Takes::restart) + ".",
            change_setting(context.server, {"old_snapshot_threshold", "-1",
                                            coming_value("old_snapshot_threshold") + " <> '-1'"}));
    }
    return outcome;
}

Outcome judge_temp_files(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "temp_file_limit");
    if (!setting || setting->hidden) {
        return hidden_setting("temp_file_limit");
    }
    Outcome outcome;
    outcome.actual = setting->value;
    if (setting->number() >= 0) {
        outcome = finding(Status::info, show_bytes(setting->number() * 1024),
                          "Decoding a large transaction spills to pg_replslot, which this does not "
                          "limit; sorts of the role's queries are limited.");
        outcome.shown = outcome.actual;
    }
    return outcome;
}

Outcome judge_read_only(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "default_transaction_read_only");
    if (!setting || setting->hidden) {
        return hidden_setting("default_transaction_read_only");
    }
    Outcome outcome;
    outcome.actual = setting->value;
    if (setting->value == "on" && setting->place != "role" && setting->place != "role here") {
        return finding(
            Status::warn, "on (set for the " + setting->place + ")",
            "Transactions are read only by default: a server in maintenance, out of disk, "
            "or about to be switched over?",
            "Find out why before connecting; Ardent itself writes nothing here.");
    }
    return outcome;
}

Outcome judge_feedback(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "hot_standby_feedback");
    Outcome outcome;
    outcome.actual = setting ? setting->value : "";
    if (!context.server.in_recovery) {
        outcome.actual = "not a standby";
        return outcome;
    }
    if (outcome.actual != "on") {
        return finding(
            Status::fail, outcome.actual,
            "On a standby, vacuum at the primary would invalidate the slot.",
            run_the_fix(context.server) + " on this standby.",
            change_setting(context.server,
                           {"hot_standby_feedback", "on",
                            coming_value("hot_standby_feedback") + " <> 'on'", Takes::reload}));
    }
    return outcome;
}

Outcome judge_encoding(const Context& context) {
    Outcome outcome;
    outcome.actual = context.server.encoding;
    if (outcome.actual == "SQL_ASCII") {
        return finding(
            Status::warn, outcome.actual,
            "The server does not check text, so it may hold several encodings at once.",
            "The replica holds the same bytes in a SQL_ASCII database; JSON and branches "
            "show them as they are.");
    }
    if (outcome.actual != "UTF8") {
        return finding(Status::info, outcome.actual,
                       "The replica has the same encoding; bytes are never converted.");
    }
    return outcome;
}

Outcome judge_age(const Context& context) {
    const long age = std::max(context.number(0, 0), context.number(0, 1));
    Outcome outcome;
    outcome.actual = std::to_string(age);
    if (age > k_old_age) {
        return finding(age > k_last_age ? Status::fail : Status::warn, outcome.actual,
                       "The oldest row is " + outcome.actual +
                           " transactions old; a copy keeps vacuum from freezing while it runs.",
                       "Let VACUUM (FREEZE) finish first; see what holds it back in the checks of "
                       "transactions and slots.");
    }
    return outcome;
}

Outcome judge_archiver(const Context& context) {
    Outcome outcome;
    outcome.actual = "archive_mode " + context.text(0, 0);
    if (context.flag(0, 1) && context.text(0, 0) != "off") {
        return finding(Status::warn, context.text(0, 2) + " failures",
                       "The archiver fails (last with " + context.text(0, 3) +
                           "): WAL piles up, whatever slots do.",
                       "Mend archive_command or its target; the server's log has its words.");
    }
    return outcome;
}

Outcome judge_tls(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "ssl");
    Outcome outcome;
    outcome.actual = setting ? setting->value : "";
    if (outcome.actual != "on") {
        return finding(
            Status::warn, "off",
            "The server offers no TLS: passwords and rows travel in the clear.",
            find_provider(context.server.provider).managed
                ? "Turn it on where the provider has it, or ask its support."
                : "Give it a certificate (ssl_cert_file, ssl_key_file) and set ssl = on; over a "
                  "Unix socket or a tunnel it may stay off.");
    }
    return outcome;
}

Outcome judge_tls_version(const Context& context) {
    const std::optional<Setting> setting = find_setting(context, "ssl_min_protocol_version");
    if (!setting) {
        return finding(Status::unverified, "", "This role may not see ssl_min_protocol_version.",
                       "Ask as a member of pg_read_all_settings.");
    }
    Outcome outcome;
    outcome.actual = setting->value;
    if (outcome.actual == "TLSv1.2" || outcome.actual == "TLSv1.3") {
        return outcome;
    }
    return finding(Status::warn, outcome.actual.empty() ? "no minimum" : outcome.actual,
                   "The server accepts TLS below 1.2.",
                   run_the_fix(context.server) +
                       "; clients that know no TLS 1.2 cannot connect with TLS then.",
                   tls_version_fix(context.server.provider));
}

constexpr Section k_here = Section::server;

}  // namespace

Checks server_checks() noexcept {
    static const std::array<Check, 12> k_checks = {{
        {"supported_major", k_here, "supported major", "14 to 18", nullptr, judge_major},
        {"known_bad_minor", k_here, "known bad minor", "none of the bad ones", nullptr,
         judge_minor},
        {"encoding", k_here, "encoding", "UTF8", nullptr, judge_encoding},
        {"session_timeouts", k_here, "session timeouts", "off for the role", &k_settings,
         judge_timeouts},
        {"old_snapshot_threshold", k_here, "old snapshot threshold", "-1", &k_settings,
         judge_snapshot_threshold},
        {"temp_file_limit", k_here, "temp file limit", "-1", &k_settings, judge_temp_files},
        {"default_read_only", k_here, "default read only", "off", &k_settings, judge_read_only},
        {"hot_standby_feedback", k_here, "hot standby feedback", "on, on a standby", &k_settings,
         judge_feedback},
        {"transaction_age", k_here, "transaction age", "below 1000000000", &k_ages, judge_age},
        {"archiver", k_here, "archiver", "archives, or is off", &k_archiver, judge_archiver},
        {"server_tls", k_here, "server tls", "on", &k_settings, judge_tls, false},
        {"tls_version", k_here, "tls version", "TLSv1.2 or TLSv1.3", &k_settings, judge_tls_version,
         false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
