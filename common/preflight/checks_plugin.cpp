// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/catalogue.hpp"

#include "common/base/error.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/provider.hpp"

#include <algorithm>
#include <utility>

namespace ardent::preflight {

namespace {

using Verdict = PluginAllowance::Verdict;

constexpr const char* k_plugin = "wal2json";

// The most specific of the settings that a walsender of the role gets when it connects to this
// database; what stands in the configuration files comes after all of them.
constexpr const char* k_role_setting = R"(
SELECT pg_catalog.substr(e.entry, pg_catalog.strpos(e.entry, '=') + 1),
       s.setrole <> 0 AND s.setdatabase = 0,
       s.setrole <> 0 AND s.setdatabase <> 0
  FROM pg_catalog.pg_db_role_setting AS s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (entry)
 WHERE pg_catalog.split_part(e.entry, '=', 1) = 'output_plugin_libraries'
   AND (s.setrole = 0
        OR s.setrole = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1::text))
   AND (s.setdatabase = 0
        OR s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database AS d
                             WHERE d.datname = pg_catalog.current_database()))
 ORDER BY s.setrole <> 0 AND s.setdatabase <> 0 DESC, s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
 LIMIT 1
)";

// The value of the cluster, also when this session has another by ALTER ROLE or SET.
constexpr const char* k_cluster_setting = R"(
SELECT CASE WHEN s.source IN ('default', 'configuration file', 'command line',
                              'environment variable', 'override')
            THEN s.reset_val
            ELSE coalesce((SELECT f.setting
                             FROM pg_catalog.pg_file_settings AS f
                            WHERE f.name = s.name AND f.applied
                            ORDER BY f.seqno DESC
                            LIMIT 1),
                          s.boot_val)
       END
  FROM pg_catalog.pg_settings AS s
 WHERE s.name = 'output_plugin_libraries'
)";

// The same for a caller who may see the setting but not the files; NULL when the session hides it.
constexpr const char* k_cluster_setting_seen = R"(
SELECT CASE WHEN s.source IN ('default', 'configuration file', 'command line',
                              'environment variable', 'override')
            THEN s.reset_val
       END
  FROM pg_catalog.pg_settings AS s
 WHERE s.name = 'output_plugin_libraries'
)";

// NULL where the server does not know the setting, an error (42501) where the caller may not see
// it.
constexpr const char* k_is_setting_known = R"(
SELECT pg_catalog.current_setting('output_plugin_libraries', true)
)";

void judge_value(PluginAllowance& allowance, const std::string& value) {
    allowance.value = value;
    const std::optional<std::vector<std::string>> names = split_identifiers(value);
    if (!names) {
        allowance.verdict = Verdict::refused;
        return;
    }
    allowance.libraries = *names;
    const auto has = [&names](std::string_view name) {
        return std::find(names->begin(), names->end(), name) != names->end();
    };
    if (has(k_plugin)) {
        allowance.verdict = Verdict::allowed;
    } else if (names->size() == 1 && names->front().find(',') != std::string::npos) {
        allowance.verdict = Verdict::one_string;
    } else {
        allowance.verdict = Verdict::refused;
    }
}

struct ClusterValue {
    bool known = true;                 // the server has the setting
    std::optional<std::string> value;  // nullopt: cannot be seen
};

ClusterValue cluster_value(QueryRunner& runner, ServerProbe* probe) {
    if (probe != nullptr) {
        const Rows rows = probe->run_privileged(k_cluster_setting, {});
        return {!rows.empty(), rows.empty() ? std::nullopt : rows.front().at(0)};
    }
    const Rows seen = runner.run(k_cluster_setting_seen, {});
    if (!seen.empty()) {
        return {true, seen.front().at(0)};
    }
    try {
        const Rows rows = runner.run(k_is_setting_known, {});
        return {!rows.empty() && rows.front().at(0).has_value(), std::nullopt};
    } catch (const base::Error& e) {
        if (e.sqlstate() != "42501") {
            throw;
        }
        return {true, std::nullopt};
    }
}

void judge_refusal(Outcome& outcome, const Context& context) {
    const Provider& provider = find_provider(context.server.provider);
    outcome.status = Status::fail;
    if (context.allowance.verdict == Verdict::one_string) {
        outcome.details = {
            "output_plugin_libraries holds one quoted string, which the server reads as ONE "
            "library "
            "of that long name: no plugin can be used, pgoutput included.",
            std::string("Write the names without quotes around them all: ") +
                (provider.managed ? "" : "ALTER SYSTEM SET ") +
                "output_plugin_libraries = pgoutput, test_decoding, wal2json" +
                (provider.managed ? "" : ";")};
    } else {
        outcome.details = {"output_plugin_libraries does not allow wal2json for the role " +
                           context.server.quoted_role + "."};
    }
    if (!provider.superuser) {
        const char* const line = "output_plugin_libraries = pgoutput, test_decoding, wal2json";
        outcome.hint =
            std::string("Set ") + line + " " + provider.where + ", then re-run preflight.";
        outcome.fix = change_settings(provider, {line}, Takes::reload);
        outcome.fix_elsewhere = true;
        return;
    }
    outcome.hint =
        "Run the grant script below (it allows wal2json for this role alone), then re-run "
        "preflight.";
    outcome.fix = allow_plugin(context.server, context.allowance, context.request.role);
    outcome.fix_elsewhere = true;
}

/// From outside: what the temporary slot did not show, or that there was none.
void judge_unseen(Outcome& outcome, const Context& context) {
    const std::optional<SlotProbe>& slot = context.request.slot_probe;
    outcome.status = Status::unverified;
    if (context.allowance.verdict == Verdict::unknown) {
        outcome.details = {
            "This role may not see output_plugin_libraries (pg_read_all_settings may)."};
    }
    if (slot && slot->plugin) {
        outcome.details.push_back("The server can load wal2json; whether role " +
                                  context.server.quoted_role +
                                  " may use it shows a slot of that role.");
        outcome.hint = "Re-run preflight --probe-slot with a URL of the replication role.";
        return;
    }
    if (slot) {
        outcome.details.push_back("No temporary slot: " + slot->problem);
        outcome.hint = slot->hint;
        return;
    }
    outcome.details.emplace_back(
        "From outside, SQL cannot tell whether the server can load wal2json; creating the slot "
        "proves it.");
    const Provider& provider = find_provider(context.server.provider);
    outcome.hint =
        "Re-run preflight with --probe-slot (a temporary slot, dropped at once)" +
        (provider.managed
             ? ". " + wal2json_advice(provider, context.server.major())
             : ", or ask inside the server: CREATE EXTENSION ardent; SELECT ardent_preflight(). "
               "The package is postgresql-" +
                   std::to_string(context.server.major()) + "-wal2json.");
}

}  // namespace

const Observation k_plugin_use = {R"(
SELECT pg_catalog.min(s.slot_name)
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.plugin = 'wal2json' AND s.active
)"};

std::string allow_plugin(const Server& server, const PluginAllowance& allowance,
                         const std::string& role) {
    std::string list = "'pgoutput', 'wal2json'";
    const bool own_list = allowance.set_for_role || allowance.set_for_role_here;
    for (const std::string& name : allowance.libraries) {
        if (own_list && name != "pgoutput" && name != k_plugin &&
            name.find(',') == std::string::npos) {
            list += ", " + quote_literal(name);
        }
    }
    const bool here = allowance.set_for_role_here;
    return "SELECT " +
           quote_literal("ALTER ROLE " + server.quoted_role +
                         (here ? " IN DATABASE " + server.quoted_database : "") +
                         " SET output_plugin_libraries = " + list) +
           "\n WHERE EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = "
           "'output_plugin_libraries')\n"
           "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting AS s\n"
           "                     JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole\n"
           "                    CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (entry)\n"
           "                    WHERE r.rolname = " +
           quote_literal(role) + " AND s.setdatabase = " +
           (here ? "(SELECT oid FROM pg_catalog.pg_database WHERE datname = "
                   "pg_catalog.current_database())"
                 : "0") +
           "\n                      AND pg_catalog.regexp_replace(e.entry, '\"[^\"]*\"', '', 'g')\n"
           "                          ~ '^output_plugin_libraries=(.*[, ])?wal2json *(,|$)') "
           "\\gexec\n";
}

PluginAllowance observe_allowance(QueryRunner& runner, const Request& request, ServerProbe* probe) {
    PluginAllowance allowance;
    const ClusterValue cluster = cluster_value(runner, probe);
    allowance.known = cluster.known;
    if (!cluster.known) {
        allowance.verdict = Verdict::allowed;
        return allowance;
    }
    if (cluster.value) {
        judge_value(allowance, *cluster.value);
        allowance.cluster_one_string = allowance.verdict == Verdict::one_string;
    }
    const Rows rows = runner.run(k_role_setting, {request.role});
    if (!rows.empty()) {
        allowance.set_for_role = rows.front().at(1) == "t";
        allowance.set_for_role_here = rows.front().at(2) == "t";
        judge_value(allowance, rows.front().at(0).value_or(""));
    }
    return allowance;
}

Outcome judge_plugin(const Context& context) {
    Outcome outcome;
    if (context.inside.plugin && !context.inside.plugin->loadable) {
        outcome.status = Status::fail;
        outcome.details = {"The server cannot load wal2json: " + context.inside.plugin->problem};
        outcome.hint =
            wal2json_advice(find_provider(context.server.provider), context.server.major());
        return outcome;
    }
    const Verdict verdict = context.allowance.verdict;
    const std::optional<SlotProbe>& slot = context.request.slot_probe;
    if (verdict == Verdict::refused || verdict == Verdict::one_string ||
        (slot && slot->refused && slot->as_role)) {
        judge_refusal(outcome, context);
        if (context.server.reads_settings) {
            outcome.actual = context.allowance.value;
        }
        return outcome;
    }
    const std::string user = context.text(0, 0);
    if (context.inside.plugin && (!slot || slot->as_role || verdict == Verdict::allowed)) {
        outcome.actual = "loadable, allowed";
        if (context.allowance.cluster_one_string) {
            outcome.details = {
                "The server's own output_plugin_libraries is one quoted string: every "
                "other role is refused every plugin."};
        }
        return outcome;
    }
    if (verdict == Verdict::allowed && !user.empty()) {
        outcome.actual = "in use by slot " + user;
        return outcome;
    }
    judge_unseen(outcome, context);
    return outcome;
}

}  // namespace ardent::preflight
