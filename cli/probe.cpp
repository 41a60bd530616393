// SPDX-License-Identifier: PostgreSQL
#include "cli/probe.hpp"

#include "common/base/error.hpp"

#include <array>
#include <memory>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;

namespace {

struct FreeInfo {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

using Info = std::unique_ptr<PQconninfoOption, FreeInfo>;

std::string option(const Info& info, std::string_view keyword) {
    for (const PQconninfoOption* at = info.get(); at->keyword != nullptr; ++at) {
        if (keyword == at->keyword && at->val != nullptr) {
            return at->val;
        }
    }
    return {};
}

preflight::CheckResult result(const char* id, const char* label, const std::string& problem,
                              const std::string& hint) {
    preflight::CheckResult check;
    check.id = id;
    check.label = label;
    check.status = problem.empty() ? preflight::Status::pass : preflight::Status::fail;
    if (!problem.empty()) {
        check.details = {problem};
        check.hint = hint;
    }
    return check;
}

struct Advice {
    std::string_view says;
    const char* hint;
};

// What libpq and the server say, and what mends it.
constexpr std::array k_advice = {
    Advice{"password authentication failed",
           "Check the user and the password in the URL (percent-encode special characters)."},
    Advice{"no password supplied", "Put the password into the URL, PGPASSWORD or ~/.pgpass."},
    Advice{"no pg_hba.conf entry",
           "Add the line that ardent_hba_lines() prints to pg_hba.conf and reload the server."},
    Advice{"does not exist", "Check the user and the database in the URL."},
    Advice{"is not permitted to log in", "ALTER ROLE … LOGIN, or use another role."},
    Advice{"permission denied for database", "GRANT CONNECT ON DATABASE … TO the role."},
    Advice{"too many connections", "Raise the limit or try again when connections are free."},
    Advice{"remaining connection slots", "Raise max_connections or try again later."},
    Advice{"does not support SSL",
           "Set ssl = on at the server, or sslmode=disable in the URL for a local address."},
    Advice{"certificate",
           "Check sslmode and sslrootcert in the URL against the server's "
           "certificate."},
    Advice{"could not translate host name", "Check the host name in the URL and the DNS."},
    Advice{"starting up", "The server is starting: try again."},
};

std::string advice_for(const std::string& message, const char* otherwise) {
    for (const Advice& advice : k_advice) {
        if (message.find(advice.says) != std::string::npos) {
            return advice.hint;
        }
    }
    return otherwise;
}

std::vector<std::pair<std::string, std::string>> parameters(const SourceUrl& url) {
    return {{"dbname", url.text},
            {"application_name", "ardent preflight"},
            {"client_encoding", "UTF8"}};
}

// Without TLS on purpose: any answer of a server, a refusal included, shows that it can be reached.
bool is_reachable(const SourceUrl& url) {
    const std::array<const char*, 5> names = {"dbname", "sslmode", "gssencmode", "connect_timeout",
                                              nullptr};
    const std::array<const char*, 5> values = {url.text.c_str(), "disable", "disable", "10",
                                               nullptr};
    const PGPing ping = PQpingParams(names.data(), values.data(), 1);
    return ping == PQPING_OK || ping == PQPING_REJECT;
}

}  // namespace

SourceUrl read_source_url(const std::string& url) {
    if (url.rfind("postgresql://", 0) != 0 && url.rfind("postgres://", 0) != 0) {
        throw Error(
            ErrorKind::config, "the source is no postgresql:// URL",
            "Write it as 'postgresql://user:password@host:5432/database' in single quotes.");
    }
    char* problem = nullptr;
    const Info info(PQconninfoParse(url.c_str(), &problem));
    const std::unique_ptr<char, void (*)(void*)> owner(problem, PQfreemem);
    if (!info) {
        throw Error(
            ErrorKind::config, "the source's URL cannot be read",
            "Write it as 'postgresql://user:password@host:5432/database' and percent-encode "
            "special characters in the password.");
    }
    std::string host = option(info, "host");
    if (host.empty()) {
        host = option(info, "hostaddr");
    }
    const std::string port = option(info, "port");
    if (host.find(':') != std::string::npos) {
        host = "[" + host + "]";
    }
    return {url, (host.empty() ? "local socket" : host) + ":" + (port.empty() ? "5432" : port),
            option(info, "user"), option(info, "dbname")};
}

Probe probe_source(const SourceUrl& url) {
    Probe probe;
    pq::ConnectOptions options;
    options.parameters = parameters(url);
    options.name = "source";
    options.settings = pq::exact_text_settings();
    std::string problem;
    try {
        probe.connection.emplace(options);
    } catch (const Error& e) {
        problem = e.what();
    }
    probe.reachable = probe.connection.has_value() || is_reachable(url);
    if (!probe.reachable) {
        probe.checks.push_back(
            result("tcp_reachable", "tcp reachable", problem,
                   advice_for(problem,
                              "Check host and port, that the server listens there, and the "
                              "firewall between here and there.")));
        return probe;
    }
    probe.checks.push_back(result("tcp_reachable", "tcp reachable", {}, {}));
    probe.checks.push_back(
        result("auth", "auth", problem,
               advice_for(problem, "Check the user, the password and pg_hba.conf.")));
    return probe;
}

}  // namespace ardent::cli
