// SPDX-License-Identifier: PostgreSQL
#include "cli/probe.hpp"

#include "cli/attempt.hpp"
#include "cli/path.hpp"
#include "cli/refusal.hpp"
#include "cli/tls.hpp"
#include "common/base/error.hpp"
#include "common/pq/direct.hpp"
#include "common/preflight/connection_runner.hpp"
#include "common/preflight/preflight.hpp"
#include "common/preflight/provider.hpp"

#include <array>
#include <utility>

namespace ardent::cli {

using base::Error;
using preflight::CheckResult;
using preflight::Status;

namespace {

CheckResult passed(const char* id, const char* label) {
    return {.id = id, .label = label, .status = Status::pass};
}

CheckResult failed(const char* id, const char* label, const std::string& problem,
                   const Remedy& remedy) {
    CheckResult check = passed(id, label);
    check.status = Status::fail;
    check.details = {problem};
    check.hint = remedy.hint;
    check.fix = remedy.fix;
    check.fix_elsewhere = remedy.hint_has_fix;
    return check;
}

// Without TLS on purpose: any answer of a server, a refusal included, shows that it can be reached.
bool answers(const SourceUrl& url) {
    const std::array<const char*, 5> names = {"dbname", "sslmode", "gssencmode", "connect_timeout",
                                              nullptr};
    const std::array<const char*, 5> values = {url.text.c_str(), "disable", "disable", "10",
                                               nullptr};
    const PGPing ping = PQpingParams(names.data(), values.data(), 1);
    return ping == PQPING_OK || ping == PQPING_REJECT;
}

Remedy look_for_remedy(const SourceUrl& url, const std::string& problem) {
    const bool silent = problem.find("timeout expired") != std::string::npos;
    Remedy remedy =
        find_remedy(url, problem, silent ? std::vector<ServerWords>() : ask_for_words(url));
    if (remedy.stage != Stage::unknown) {
        return remedy;
    }
    if (answers(url)) {
        return {Stage::auth, "Check the user, the password and pg_hba.conf.", ""};
    }
    return {Stage::reach,
            "Check host and port, that the server listens there, and the firewall between here and "
            "there.",
            ""};
}

CheckResult refused_by_tls(const SourceUrl& url, const std::string& problem, const Remedy& remedy) {
    CheckResult check = failed("tls", "tls", problem, remedy);
    if (problem.find("certificate verify failed") != std::string::npos) {
        if (const auto trouble = look_at_certificate(url)) {
            check.details.push_back(trouble->what);
            check.hint = trouble->hint;
        }
    }
    return check;
}

/// What cannot be read shows in the report; until then the server is anybody's.
const preflight::Provider& look_for_provider(pq::Connection& connection, const std::string& given) {
    try {
        preflight::ConnectionRunner runner(connection);
        return preflight::find_provider(preflight::provider_of(runner, given));
    } catch (const Error&) {
        return preflight::find_provider(given);
    }
}

void explain(const SourceUrl& url, const std::string& problem, Probe& probe) {
    const Remedy remedy = look_for_remedy(url, problem);
    if (remedy.stage == Stage::reach) {
        probe.checks.push_back(failed("tcp_reachable", "tcp reachable", problem, remedy));
        return;
    }
    probe.checks.push_back(passed("tcp_reachable", "tcp reachable"));
    if (remedy.stage == Stage::tls) {
        probe.checks.push_back(refused_by_tls(url, problem, remedy));
    } else if (remedy.stage == Stage::auth) {
        probe.checks.push_back(failed("auth", "auth", problem, remedy));
    }
    if (auto pooled = judge_host(url, problem)) {
        probe.checks.push_back(std::move(*pooled));
    } else if (remedy.stage == Stage::direct) {
        probe.checks.push_back(failed("direct_connection", "direct connection",
                                      "A connection pooler answers, not the server: " + problem,
                                      remedy));
    }
}

}  // namespace

Probe probe_source(const SourceUrl& url, const std::string& role, const std::string& provider) {
    Probe probe;
    const std::string mark = pq::new_session_mark();
    try {
        probe.connection.emplace(source_options(url, {{pq::k_session_mark, mark}}));
    } catch (const Error& e) {
        explain(url, e.what(), probe);
        return probe;
    }
    auto pooled = judge_host(url, {});
    CheckResult direct = pooled ? std::move(*pooled) : check_direct(*probe.connection, mark);
    const bool is_direct = direct.status != Status::fail;
    const preflight::Provider& runs_it = is_direct ? look_for_provider(*probe.connection, provider)
                                                   : preflight::find_provider(provider);
    probe.checks = {passed("tcp_reachable", "tcp reachable"), passed("auth", "auth"),
                    judge_tls(observe_tls(*probe.connection, url), runs_it), std::move(direct)};
    if (!is_direct) {
        probe.connection.reset();
        return probe;
    }
    probe.checks.push_back(check_replication(url, *probe.connection, role, runs_it));
    return probe;
}

}  // namespace ardent::cli
