// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/preflight.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/catalogue.hpp"
#include "common/preflight/identity.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/provider.hpp"
#include "common/preflight/scripts.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr const char* k_not_allowed = "42501";

/// Names without those of the server's own schemas, which `can read tables` refuses.
std::vector<std::string> replicable(const std::vector<std::string>& schemas) {
    std::vector<std::string> result;
    std::copy_if(schemas.begin(), schemas.end(), std::back_inserter(result),
                 [](const std::string& name) {
                     return name != "information_schema" && name.compare(0, 3, "pg_") != 0;
                 });
    return result;
}

// As "schema.name".
std::vector<std::string> excluded_names(const Request& request) {
    std::vector<std::string> names;
    for (const model::RelationName& relation : request.accept.excluded) {
        names.push_back(relation.schema + "." + relation.name);
    }
    for (const auto& [table, decision] : request.accept.decisions) {
        if (decision == Decision::exclude) {
            names.push_back(table);
        }
    }
    return names;
}

Row arguments_of(const Observation& observation, const Request& request) {
    switch (observation.arguments) {
    case Arguments::none:
        return {};
    case Arguments::schemas:
        return {array_text(replicable(request.schemas))};
    case Arguments::schemas_and_role:
        return {array_text(request.schemas), request.role};
    case Arguments::schemas_and_excluded:
        return {array_text(request.schemas), array_text(excluded_names(request))};
    case Arguments::role:
        return {request.role};
    case Arguments::role_and_slot:
        return {request.role, request.own_slot};
    case Arguments::own_slot:
        return {request.own_slot};
    }
    return {};
}

Outcome unverified(const base::Error& error) {
    Outcome outcome;
    outcome.status = Status::unverified;
    outcome.details = {std::string("This could not be seen: ") + error.what()};
    outcome.hint = error.hint();
    return outcome;
}

/// An error that another try may mend, or that ends the statement, is not an answer of the check.
bool is_answer(const base::Error& error) noexcept {
    return error.kind() != base::ErrorKind::transient;
}

/// What a statement showed, or why it showed nothing.
struct Seen {
    Rows rows;
    std::optional<Outcome> instead;
};

/// Runs each observation once, and lets its rows go with the last check that asks for them.
class Observer {
public:
    Observer(QueryRunner& runner, ServerProbe* probe, const Request& request, const Server& server,
             const std::vector<Check>& checks)
        : m_runner(runner), m_probe(probe), m_request(request), m_server(server) {
        for (const Check& check : checks) {
            ++m_uses[check.observation];
        }
    }

    const Seen& look(const Observation* observation) {
        const auto found = m_seen.find(observation);
        if (found != m_seen.end()) {
            return found->second;
        }
        return m_seen.emplace(observation, observe(observation)).first->second;
    }

    void done(const Observation* observation) {
        if (--m_uses[observation] == 0) {
            m_seen.erase(observation);
        }
    }

private:
    Seen observe(const Observation* observation) {
        if (observation == nullptr) {
            return {};
        }
        try {
            return {run(*observation), std::nullopt};
        } catch (const base::Error& e) {
            if (!is_answer(e)) {
                throw;
            }
            return {{}, unverified(e)};
        }
    }

    Rows run(const Observation& observation) {
        const char* const sql =
            m_server.version_num >= observation.since ? observation.sql : observation.before_that;
        if (sql == nullptr) {
            return {};
        }
        const Row arguments = arguments_of(observation, m_request);
        if (!observation.privileged) {
            return m_runner.run(sql, arguments);
        }
        if (m_probe == nullptr) {
            return run_from_outside(sql, arguments);
        }
        if (!m_server.reads_settings) {
            throw base::Error(base::ErrorKind::source,
                              "only superusers and members of pg_monitor or pg_read_all_settings "
                              "are told",
                              "Ask as such a role.", k_not_allowed);
        }
        return m_probe->run_privileged(sql, arguments);
    }

    Rows run_from_outside(const char* sql, const Row& arguments) {
        try {
            return m_runner.run(sql, arguments);
        } catch (const base::Error& e) {
            if (e.sqlstate() != k_not_allowed) {
                throw;
            }
            const Provider& provider = find_provider(m_server.provider);
            throw base::Error(base::ErrorKind::source, "from outside, only superusers may see it",
                              provider.managed
                                  ? std::string(provider.title) + " keeps it to itself."
                                  : "Ask inside the server: SELECT ardent_preflight(), as a member "
                                    "of pg_monitor.",
                              k_not_allowed);
        }
    }

    QueryRunner& m_runner;
    ServerProbe* m_probe;
    const Request& m_request;
    const Server& m_server;
    std::map<const Observation*, std::size_t> m_uses;
    std::map<const Observation*, Seen> m_seen;
};

CheckResult examine(const Check& check, const Seen& seen, const Context& context) {
    Outcome outcome = seen.instead ? *seen.instead : check.judge(context);
    return {.id = check.id,
            .section = check.section,
            .label = check.label,
            .status = outcome.status,
            .actual = std::move(outcome.actual),
            .expected = check.expected,
            .shown = std::move(outcome.shown),
            .details = std::move(outcome.details),
            .hint = std::move(outcome.hint),
            .fix = std::move(outcome.fix),
            .objects = std::move(outcome.objects),
            .branching = check.branching,
            .fix_elsewhere = outcome.fix_elsewhere};
}

/// The server loads the library when one of its functions is called.
std::optional<base::Error> load_library(QueryRunner& runner) {
    try {
        runner.run("SELECT FROM ardent.slots()", {});
        return std::nullopt;
    } catch (const base::Error& e) {
        if (!is_answer(e)) {
            throw;
        }
        return e;
    }
}

Inside look_inside(QueryRunner& runner, const Request& request, const Server& server,
                   ServerProbe* probe) {
    if (probe == nullptr) {
        return {.library = server.extension_version.empty() ? std::nullopt : load_library(runner),
                .plugin = request.slot_probe ? request.slot_probe->plugin : std::nullopt,
                .wal_free = std::nullopt};
    }
    return {.is_inside = true,
            .plugin = probe->probe_plugin("wal2json"),
            .wal_free = probe->wal_disk_free()};
}

PluginAllowance look_up_allowance(QueryRunner& runner, const Request& request, ServerProbe* probe) {
    try {
        return observe_allowance(runner, request, probe);
    } catch (const base::Error& e) {
        if (!is_answer(e)) {
            throw;
        }
        return {};
    }
}

template <class Generate>
std::invoke_result_t<Generate> script_or_reason(Generate generate) {
    try {
        return generate();
    } catch (const base::Error& e) {
        if (!is_answer(e)) {
            throw;
        }
        return {"-- The script could not be made: " + comment_text(e.what()) + "\n"};
    }
}

void conclude(Report& report) {
    const auto blocks = [](const CheckResult& check) { return check.status == Status::fail; };
    report.preflight_pass = std::none_of(report.checks.begin(), report.checks.end(), blocks);
    report.branching_prerequisites_pass =
        std::none_of(report.checks.begin(), report.checks.end(),
                     [&](const CheckResult& check) { return blocks(check) && check.branching; });
    report.settings_needed = false;
    for (const CheckResult& check : report.checks) {
        if (check.id == "wal_level" || check.id == "replication_slots" ||
            check.id == "wal_senders") {
            report.settings_needed = report.settings_needed || blocks(check);
        }
    }
}

}  // namespace

const char* to_string(Status status) noexcept {
    switch (status) {
    case Status::pass:
        return "pass";
    case Status::fail:
        return "fail";
    case Status::warn:
        return "warn";
    case Status::unverified:
        return "unverified";
    case Status::info:
        return "info";
    }
    return "unverified";
}

const char* to_string(Section section) noexcept {
    switch (section) {
    case Section::connection:
        return "Connection";
    case Section::server:
        return "Server";
    case Section::role:
        return "Role and rights";
    case Section::capacity:
        return "Replication capacity";
    case Section::slots:
        return "Slots and WAL";
    case Section::tables:
        return "Tables";
    case Section::columns:
        return "Columns";
    case Section::capture:
        return "DDL capture";
    }
    return "Connection";
}

Decision parse_decision(std::string_view word) {
    if (word == "exclude") {
        return Decision::exclude;
    }
    if (word == "add_pk") {
        return Decision::add_pk;
    }
    if (word == "replica_identity_full") {
        return Decision::replica_identity_full;
    }
    throw base::Error(base::ErrorKind::config,
                      "\"" + std::string(word) + "\" is no replica identity decision",
                      "Use exclude, add_pk or replica_identity_full.", "22023");
}

std::optional<Decision> Accept::decision(const std::string& plain_name,
                                         const std::string& quoted_name) const {
    const auto relation = model::parse_relation(quoted_name);
    if (relation && excluded.contains(*relation)) {
        return Decision::exclude;
    }
    auto found = decisions.find(plain_name);
    if (found == decisions.end()) {
        found = decisions.find(quoted_name);
    }
    return found == decisions.end() ? std::nullopt : std::optional(found->second);
}

bool Accept::excludes(const std::string& plain_name, const std::string& quoted_name) const {
    return decision(plain_name, quoted_name) == Decision::exclude;
}

Report run(QueryRunner& runner, const Request& request, ServerProbe* probe) {
    const Server server = observe_server(runner, request.role, request.provider);
    check_decisions(runner, request.accept.decisions);
    const PluginAllowance allowance = look_up_allowance(runner, request, probe);
    const Inside inside = look_inside(runner, request, server, probe);
    const std::vector<Check> checks = catalogue();
    Observer observer(runner, probe, request, server, checks);

    Report report;
    report.target = request.target.empty()
                        ? "database " + server.quoted_database + " (port " + server.port + ")"
                        : request.target;
    report.checks = request.before;
    for (const Check& check : checks) {
        const Seen& seen = observer.look(check.observation);
        report.checks.push_back(
            examine(check, seen, {request, server, allowance, inside, seen.rows}));
        observer.done(check.observation);
    }
    conclude(report);
    GrantScript grants = script_or_reason([&] { return grant_script(runner, request, probe); });
    report.grant_script = std::move(grants.text);
    report.nothing_to_grant = grants.nothing;
    report.settings_script =
        script_or_reason([&] { return settings_script(runner, request.provider); });
    report.source_provider = server.provider;
    report.provider_detected = request.provider.empty();
    report.source_metadata = {{"server_version", server.version},
                              {"server_version_num", std::to_string(server.version_num)},
                              {"database", server.database},
                              {"server_encoding", server.encoding},
                              {"extension_version", server.extension_version},
                              {"provider_signs", base::join(server.provider_signs, ", ")}};
    return report;
}

Report only(std::vector<CheckResult> checks, std::string target) {
    Report report;
    report.target = std::move(target);
    report.checks = std::move(checks);
    conclude(report);
    return report;
}

}  // namespace ardent::preflight
