// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/preflight.hpp"

#include "common/base/error.hpp"
#include "common/preflight/catalogue.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/scripts.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ardent::preflight {

namespace {

/// Names without those of the server's own schemas, which `can read tables` refuses.
std::vector<std::string> replicable(const std::vector<std::string>& schemas) {
    std::vector<std::string> result;
    std::copy_if(schemas.begin(), schemas.end(), std::back_inserter(result),
                 [](const std::string& name) {
                     return name != "information_schema" && name.compare(0, 3, "pg_") != 0;
                 });
    return result;
}

Row arguments_of(const Check& check, const Request& request) {
    switch (check.arguments) {
    case Arguments::none:
        return {};
    case Arguments::schemas:
        return {array_text(replicable(request.schemas))};
    case Arguments::schemas_and_role:
        return {array_text(request.schemas), request.role};
    case Arguments::role:
        return {request.role};
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

CheckResult examine(const Check& check, QueryRunner& runner, Context& context) {
    Outcome outcome;
    try {
        context.rows.clear();
        if (check.observe != nullptr) {
            context.rows = runner.run(check.observe, arguments_of(check, context.request));
        }
        outcome = check.judge(context);
    } catch (const base::Error& e) {
        if (!is_answer(e)) {
            throw;
        }
        outcome = unverified(e);
    }
    return {.id = check.id,
            .section = check.section,
            .label = check.label,
            .status = outcome.status,
            .actual = std::move(outcome.actual),
            .shown = std::move(outcome.shown),
            .details = std::move(outcome.details),
            .hint = std::move(outcome.hint),
            .fix = std::move(outcome.fix),
            .objects = std::move(outcome.objects),
            .branching = check.branching};
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
std::string script_or_reason(Generate generate) {
    try {
        return generate();
    } catch (const base::Error& e) {
        if (!is_answer(e)) {
            throw;
        }
        return "-- The script could not be made: " + comment_text(e.what()) + "\n";
    }
}

void conclude(Report& report) {
    const auto blocks = [](const CheckResult& check) { return check.status == Status::fail; };
    report.preflight_pass = std::none_of(report.checks.begin(), report.checks.end(), blocks);
    report.branching_prerequisites_pass =
        std::none_of(report.checks.begin(), report.checks.end(),
                     [&](const CheckResult& check) { return blocks(check) && check.branching; });
    report.settings_needed = false;
    report.nothing_to_grant = true;
    for (const CheckResult& check : report.checks) {
        if (check.id == "wal_level" || check.id == "replication_slots" ||
            check.id == "wal_senders") {
            report.settings_needed = report.settings_needed || blocks(check);
        }
        if (check.id == "can_read_tables" || check.id == "replication_role" ||
            check.id == "wal2json") {
            report.nothing_to_grant = report.nothing_to_grant && !blocks(check);
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
    return section == Section::connection ? "Connection checks" : "Further checks";
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

bool Accept::excludes(const std::string& plain_name, const std::string& quoted_name) const {
    auto found = decisions.find(plain_name);
    if (found == decisions.end()) {
        found = decisions.find(quoted_name);
    }
    if (found != decisions.end() && found->second == Decision::exclude) {
        return true;
    }
    const auto relation = model::parse_relation(quoted_name);
    return relation && excluded.contains(*relation);
}

Report run(QueryRunner& runner, const Request& request, ServerProbe* probe) {
    const Server server = observe_server(runner, request.role);
    const PluginAllowance allowance = look_up_allowance(runner, request, probe);
    const std::optional<PluginProbe> plugin =
        probe == nullptr ? std::nullopt : std::optional(probe->probe_plugin("wal2json"));
    Context context{request, server, allowance, plugin, {}};

    Report report;
    report.target = request.target.empty()
                        ? "database " + server.quoted_database + " (port " + server.port + ")"
                        : request.target;
    report.checks = request.before;
    for (const Check& check : catalogue()) {
        report.checks.push_back(examine(check, runner, context));
    }
    conclude(report);
    report.grant_script = script_or_reason([&] { return grant_script(runner, request, probe); });
    report.settings_script = script_or_reason([&] { return settings_script(runner); });
    report.source_provider = server.provider;
    report.source_metadata = {{"server_version", server.version},
                              {"server_version_num", std::to_string(server.version_num)},
                              {"database", server.database},
                              {"server_encoding", server.encoding},
                              {"extension_version", server.extension_version}};
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
