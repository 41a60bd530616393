// SPDX-License-Identifier: PostgreSQL
#include "cli/preflight.hpp"

#include "cli/probe.hpp"
#include "cli/slot_probe.hpp"
#include "cli/terminal.hpp"
#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/preflight/connection_runner.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>
#include <fstream>
#include <ostream>
#include <sstream>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        throw Error(ErrorKind::config, "cannot read " + path);
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

json read_object(const std::string& what, const std::string& text) {
    json value = base::try_json(text);
    if (!value.is_object()) {
        throw Error(
            ErrorKind::config, what + " is no JSON object",
            R"(For example: {"large_objects": true, "decisions": {"public.t": "exclude"}})");
    }
    return value;
}

void read_decisions(const std::string& what, const json& decisions, preflight::Accept& accept) {
    if (!decisions.is_object()) {
        throw Error(ErrorKind::config, what + ": decisions are no JSON object");
    }
    for (const auto& [table, word] : decisions.items()) {
        if (!word.is_string()) {
            throw Error(ErrorKind::config, what + ": the decision for " + table + " is no text");
        }
        accept.decisions[table] = preflight::parse_decision(word.get<std::string>());
    }
}

preflight::Accept read_accept(const PreflightOptions& options) {
    preflight::Accept accept;
    if (!options.accept.empty()) {
        const bool from_file = options.accept.front() == '@';
        const json value = read_object(
            "--accept", from_file ? read_file(options.accept.substr(1)) : options.accept);
        for (const auto& [key, entry] : value.items()) {
            if (key == "large_objects" && entry.is_boolean()) {
                accept.large_objects = entry.get<bool>();
            } else if (key == "decisions") {
                read_decisions("--accept", entry, accept);
            } else {
                throw Error(ErrorKind::config,
                            "--accept: \"" + key + "\" is not known or of the wrong type",
                            "Known: large_objects (true or false), decisions (an object).");
            }
        }
    }
    if (!options.decisions_file.empty()) {
        read_decisions(options.decisions_file,
                       read_object(options.decisions_file, read_file(options.decisions_file)),
                       accept);
    }
    return accept;
}

preflight::Report make_report(const PreflightOptions& options, const SourceUrl& url) {
    preflight::Request request;
    request.schemas = preflight::parse_schema_list(options.schemas);
    request.role = options.role.empty() ? preflight::k_default_role : options.role;
    request.accept = read_accept(options);
    request.target = url.target;
    request.full_grants = options.full_grants;
    if (!options.provider.empty()) {
        request.provider = preflight::parse_provider(options.provider);
    }
    Probe probe = probe_source(url, request.role, request.provider);
    if (!probe.connection) {
        return preflight::only(std::move(probe.checks), url.target);
    }
    request.before = std::move(probe.checks);
    if (options.probe_slot) {
        request.slot_probe = probe_slot(url, *probe.connection, request.role);
    }
    preflight::ConnectionRunner runner(*probe.connection);
    return preflight::run(runner, request);
}

bool is_out_of_reach(const preflight::Report& report) {
    const auto is_it = [](const preflight::CheckResult& check) {
        return check.id == "tcp_reachable" && check.status == preflight::Status::fail;
    };
    return std::any_of(report.checks.begin(), report.checks.end(), is_it);
}

}  // namespace

int preflight(const PreflightOptions& options, std::ostream& out) {
    const SourceUrl url = read_source_url(options.url);
    const preflight::Report report = make_report(options, url);
    if (options.json) {
        out << preflight::to_json(report) << '\n';
    } else {
        for (const std::string& line :
             preflight::to_text(report, {terminal_letters(), options.verbose})) {
            out << line << '\n';
        }
    }
    if (is_out_of_reach(report)) {
        return 1;
    }
    return report.preflight_pass ? 0 : 2;
}

}  // namespace ardent::cli
