// SPDX-License-Identifier: PostgreSQL
#include "cli/path.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/pq/direct.hpp"

#include <utility>

namespace ardent::cli {

using base::Error;
using preflight::CheckResult;
using preflight::Status;

namespace {

CheckResult direct(Status status) {
    return {.id = "direct_connection", .label = "direct connection", .status = status};
}

CheckResult replication(Status status) {
    return {.id = "replication_connection", .label = "replication connection", .status = status};
}

CheckResult pooled(const std::string& evidence, const std::string& hint) {
    CheckResult check = direct(Status::fail);
    check.details = {evidence};
    check.hint = hint;
    return check;
}

bool contains(std::string_view text, std::string_view part) noexcept {
    return text.find(part) != std::string_view::npos;
}

constexpr const char* k_system_identifier = R"(
SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c
)";

/// Empty when the caller may not know.
std::string system_identifier(pq::Connection& connection) {
    try {
        return connection.value(k_system_identifier).value_or("");
    } catch (const Error& e) {
        if (e.sqlstate() != "42501") {
            throw;
        }
        return {};
    }
}

CheckResult refused(const std::string& what, const std::string& role,
                    const preflight::Provider& provider) {
    CheckResult check = replication(Status::fail);
    check.details = {what};
    if (contains(what, "max_wal_senders")) {
        check.hint = "Every walsender is taken: end one, or raise max_wal_senders (restart).";
    } else if (contains(what, "REPLICATION") || contains(what, "replication role") ||
               contains(what, "WAL sender")) {
        check.hint =
            provider.replicating == preflight::Replicating::elsewhere
                ? provider.title +
                      (": " + base::join(base::split(provider.replication_note, '\n'), " "))
                : std::string("Run the fix as ") + provider.admin + ".";
        check.fix = preflight::let_replicate(provider, pq::quote_identifier(role));
    } else {
        check.hint =
            "An ordinary session came through, replication=database did not: what stands "
            "between must pass it on, and the role needs REPLICATION.";
    }
    return check;
}

}  // namespace

std::string instead_of_pooler(std::string_view host) {
    const std::string advice = preflight::instead_of_pooler(host);
    return advice.empty() ? "" : advice + " " + pq::k_connect_directly;
}

std::optional<CheckResult> judge_host(const SourceUrl& url, const std::string& refusal) {
    if (const std::string hint = instead_of_pooler(url.host); !hint.empty()) {
        return pooled(url.host + " is the address of a connection pooler.", hint);
    }
    if (!refusal.empty() && pq::is_pooler_refusal(refusal)) {
        return pooled("A connection pooler answers, not the server: " + refusal,
                      pq::k_connect_directly);
    }
    return std::nullopt;
}

CheckResult check_direct(pq::Connection& connection, const std::string& mark) {
    pq::Between between;
    try {
        between = pq::look_between(connection, mark);
    } catch (const Error& e) {
        return pooled(std::string("What answers is no session of a server: ") + e.what(),
                      pq::k_connect_directly);
    }
    if (between.what == pq::Between::What::pooler) {
        return pooled(between.evidence, pq::k_connect_directly);
    }
    CheckResult check = direct(Status::pass);
    if (between.what == pq::Between::What::proxy) {
        check.status = Status::warn;
        check.details = {between.evidence};
        check.hint =
            "It passes whole sessions on; it must pass replication and long streams too. "
            "The server's own address is safer.";
    }
    return check;
}

pq::ConnectOptions source_options(const SourceUrl& url,
                                  const std::map<std::string, std::string>& settings) {
    pq::ConnectOptions options;
    options.parameters = {{"dbname", url.text},
                          {"application_name", "ardent preflight"},
                          {"client_encoding", "UTF8"}};
    options.name = "source";
    options.settings = pq::exact_text_settings();
    for (const auto& [name, value] : settings) {
        options.settings[name] = value;
    }
    return options;
}

pq::Connection connect_walsender(const SourceUrl& url,
                                 const std::map<std::string, std::string>& settings) {
    pq::ConnectOptions options = source_options(url, settings);
    options.parameters.emplace_back("replication", "database");
    return pq::Connection(options);
}

CheckResult check_replication(const SourceUrl& url, pq::Connection& connection,
                              const std::string& role, const preflight::Provider& provider) {
    if (url.user != role) {
        CheckResult check = replication(Status::unverified);
        check.details = {"The URL's user is " + pq::quote_identifier(url.user) +
                         ", not the replication role " + pq::quote_identifier(role) + "."};
        check.hint = "Re-run preflight with a URL of the replication role, once it exists.";
        return check;
    }
    std::string here;
    std::string there;
    try {
        pq::Connection walsender = connect_walsender(url, {});
        there = walsender.exec("IDENTIFY_SYSTEM").text(0, 0);
        here = system_identifier(connection);
    } catch (const Error& e) {
        return refused(e.what(), role, provider);
    }
    if (!here.empty() && here != there) {
        CheckResult check = replication(Status::fail);
        check.details = {"Two servers answer: an ordinary session says system " + here +
                         ", a replication connection says system " + there + "."};
        check.hint = "Name the server itself, not an address that stands for several.";
        return check;
    }
    return replication(Status::pass);
}

}  // namespace ardent::cli
