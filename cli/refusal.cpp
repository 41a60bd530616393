// SPDX-License-Identifier: PostgreSQL
#include "cli/refusal.hpp"

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/pq/connection.hpp"
#include "common/pq/direct.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/scripts.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace ardent::cli {

namespace {

using base::split;

bool has(std::string_view text, std::string_view part) noexcept {
    return text.find(part) != std::string_view::npos;
}

std::string role_of(const SourceUrl& url) {
    return pq::quote_identifier(url.user);
}

std::string database_of(const SourceUrl& url) {
    return pq::quote_identifier(url.database);
}

bool is_address(const std::string& text) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// no pg_hba.conf entry for host "10.0.0.5", user "u", …: the first address, whatever the language
std::string client_address(const SourceUrl& url, const std::string& text) {
    constexpr std::string_view k_letters = "0123456789abcdefABCDEF.:";
    if (is_socket(url.host) || has(text, "[local]")) {
        return "local";
    }
    for (std::size_t at = 0; (at = text.find_first_of(k_letters, at)) != std::string::npos;) {
        const std::size_t end = std::min(text.find_first_not_of(k_letters, at), text.size());
        if (is_address(text.substr(at, end - at))) {
            return text.substr(at, end - at);
        }
        at = end;
    }
    return {};
}

// ", SSL encryption" or ", no encryption"; on 13 ", SSL on" or ", SSL off"
bool speaks_tls(const std::vector<ServerWords>& words) noexcept {
    for (const ServerWords& said : words) {
        if (has(said.text, "SSL") && !has(said.text, "SSL off")) {
            return true;
        }
    }
    return false;
}

Remedy hba_remedy(const SourceUrl& url, const ServerWords& said,
                  const std::vector<ServerWords>& words) {
    const std::string address = client_address(url, said.text);
    const bool near = is_socket(url.host) || base::is_loopback(url.host);
    const bool tls = speaks_tls(words);
    Remedy remedy{Stage::auth, "", ""};
    if (address.empty()) {
        remedy.hint =
            "Let this machine's address in with the line of ardent_hba_lines() in pg_hba.conf, "
            "then SELECT pg_reload_conf().";
        return remedy;
    }
    try {
        remedy.fix = preflight::hba_lines(url.database, tls || !near, url.user, address);
    } catch (const base::Error& e) {
        remedy.hint = e.what();
        return remedy;
    }
    for (const std::string& line : split(remedy.fix, '\n')) {
        if (!line.empty() && line.front() != '#') {
            remedy.hint =
                "Put this line into pg_hba.conf above wider ones, then SELECT pg_reload_conf(): " +
                line;
            remedy.hint_has_fix = true;
            break;
        }
    }
    if (!tls && !near) {
        remedy.hint += " (and ssl = on at the server, sslmode=require in the URL)";
    }
    return remedy;
}

struct Limited {
    const char* what;
    const char* catalog;
    const char* name;
    const char* limit;
    const char* seen_as;  // in pg_stat_activity
};
constexpr Limited k_role = {"ROLE", "pg_roles", "rolname", "rolconnlimit", "usename"};
constexpr Limited k_database = {"DATABASE", "pg_database", "datname", "datconnlimit", "datname"};
constexpr const char* k_needed = "5";  // docs/agent.md, "What it costs the source"

/// Makes room, when it runs, for what an agent needs beside those that are there; no limit, or a
/// higher one, stays.
std::string more_connections(const Limited& of, const std::string& name) {
    const std::string is_it = " = " + preflight::quote_literal(name);
    const std::string limit = std::string("o.") + of.limit;
    return std::string("SELECT pg_catalog.format('ALTER ") + of.what +
           " %I CONNECTION LIMIT %s', o." + of.name + ", u.used + " + k_needed +
           ")\n  FROM pg_catalog." + of.catalog +
           " AS o\n CROSS JOIN (SELECT pg_catalog.count(*) AS used FROM "
           "pg_catalog.pg_stat_activity\n              WHERE " +
           of.seen_as + is_it + ") AS u\n WHERE o." + of.name + is_it + " AND " + limit +
           " >= 0 AND " + limit + " < u.used + " + k_needed + " \\gexec\n";
}

Remedy limit_remedy(const SourceUrl& url, const ServerWords& said) {
    if (said.routine == "InitializeSessionUserId") {
        return {Stage::auth,
                "The role's own limit is reached: run the fix, or end sessions of the role.",
                more_connections(k_role, url.user)};
    }
    if (said.routine == "CheckMyDatabase") {
        return {Stage::auth,
                "The database's own limit is reached: run the fix, or end sessions there.",
                more_connections(k_database, url.database)};
    }
    return {
        Stage::auth,
        "Every connection of the server is taken: end some, or raise max_connections (restart), "
        "then re-run preflight. A connector needs two, and three more during the copy.",
        ""};
}

Remedy identity_remedy(const SourceUrl& url, const ServerWords& said,
                       const std::vector<ServerWords>& words) {
    if (said.routine == "InitializeSessionUserId") {
        if (has(said.text, "does not exist")) {
            return {Stage::auth,
                    "Check the user in the URL. The grant script creates the replication role; run "
                    "preflight as another user first.",
                    ""};
        }
        return {Stage::auth, "Check the user in the URL: it must exist and may log in.",
                "ALTER ROLE " + role_of(url) + " LOGIN;"};
    }
    if (has(said.text, "client certificate")) {
        return {
            Stage::auth,
            "The server asks for a client certificate: name it in the URL with sslcert and sslkey.",
            ""};
    }
    Remedy remedy = hba_remedy(url, said, words);
    if (said.routine == "auth_failed") {
        remedy.hint = "The line of pg_hba.conf that matches asks for no password. " + remedy.hint;
    }
    return remedy;
}

Remedy password_remedy(const SourceUrl& url) {
    return {Stage::auth,
            "Check the user and the password in the URL (percent-encode special characters), "
            "PGPASSWORD or ~/.pgpass, and that the password is still valid (VALID UNTIL). In psql "
            "\\password " +
                role_of(url) + " sets a new one.",
            ""};
}

std::optional<Remedy> database_remedy(const SourceUrl& url, std::string_view state) {
    if (state == "3D000") {
        return Remedy{Stage::auth, "Check the database in the URL: psql -l lists those there are.",
                      ""};
    }
    if (state == "42501") {
        return Remedy{
            Stage::auth, "Run the fix as the database's owner, then re-run preflight.",
            "GRANT CONNECT ON DATABASE " + database_of(url) + " TO " + role_of(url) + ";"};
    }
    if (state == "55000") {
        return Remedy{Stage::auth,
                      "The database takes no connections: choose another, or run the fix.",
                      "ALTER DATABASE " + database_of(url) + " ALLOW_CONNECTIONS true;"};
    }
    return std::nullopt;
}

std::optional<Remedy> remedy_of(const SourceUrl& url, const ServerWords& said,
                                const std::vector<ServerWords>& words) {
    const std::string& state = said.sqlstate;
    if (said.routine.empty() && state == "08P01") {
        return Remedy{Stage::direct, pq::k_connect_directly, ""};
    }
    if (state == "28P01") {
        return password_remedy(url);
    }
    if (state == "28000") {
        return identity_remedy(url, said, words);
    }
    if (state == "53300") {
        return limit_remedy(url, said);
    }
    if (state == "57P03") {
        return Remedy{Stage::auth,
                      "The server starts, stops or recovers: try again when it takes connections. "
                      "A standby with hot_standby = off never does: name the primary.",
                      ""};
    }
    return database_remedy(url, state);
}

struct ClientWords {
    std::string_view says;
    Stage stage;
    const char* hint;
};

constexpr std::array k_client_words = {
    ClientWords{"could not translate host name", Stage::reach,
                "Check the host name in the URL and the DNS of this machine. A name that has only "
                "an IPv6 address needs IPv6 here."},
    ClientWords{
        "Network is unreachable", Stage::reach,
        "This machine has no route there. An IPv6 address needs IPv6 here: take the IPv4 "
        "address of the server (some providers sell it as an add-on), or run this elsewhere."},
    ClientWords{"No route to host", Stage::reach,
                "Check the address in the URL, and the firewall between here and there."},
    ClientWords{"Cannot assign requested address", Stage::reach,
                "This machine has no address of that family: take the other one, IPv4 or IPv6."},
    ClientWords{"Connection refused", Stage::reach,
                "Nothing listens there: check host and port, that the server runs, and its "
                "listen_addresses (localhost alone by default)."},
    ClientWords{
        "No such file or directory", Stage::reach,
        "There is no such socket: check the folder and the port, and that the server runs."},
    ClientWords{"timeout expired", Stage::reach,
                "Nobody answers: check host and port, the firewall or security group between here "
                "and there, and that this machine's address may pass."},
    ClientWords{"timed out", Stage::reach,
                "Nobody answers: check host and port, the firewall or security group between here "
                "and there, and that this machine's address may pass."},
    ClientWords{"received invalid response", Stage::reach,
                "What listens there does not speak PostgreSQL: check host and port."},
    ClientWords{"does not support SSL", Stage::tls,
                "Set ssl = on at the server (with ssl_cert_file and ssl_key_file), then SELECT "
                "pg_reload_conf()."},
    ClientWords{"root certificate file", Stage::tls,
                "Put the certificate of the server's authority there, or name its file in the URL "
                "with sslrootcert=."},
    ClientWords{"does not match host name", Stage::tls,
                "Use a host name that the certificate holds, or give the server a certificate with "
                "this name (subjectAltName)."},
    ClientWords{"could not get server's host name", Stage::tls,
                "The certificate holds no name: give the server one with a subjectAltName."},
    ClientWords{"protocol version", Stage::tls,
                "Server and client share no version of TLS: set ssl_min_protocol_version = "
                "'TLSv1.2' and no lower ssl_max_protocol_version at the server."},
    ClientWords{"unsupported protocol", Stage::tls,
                "Server and client share no version of TLS: set ssl_min_protocol_version = "
                "'TLSv1.2' and no lower ssl_max_protocol_version at the server."},
    ClientWords{"certificate", Stage::tls,
                "Check sslmode, sslrootcert, sslcert and sslkey in the URL."},
    ClientWords{"SSL", Stage::tls, "Check sslmode in the URL, and TLS at the server."},
    ClientWords{"no password supplied", Stage::auth,
                "Put the password into PGPASSWORD, ~/.pgpass or the URL."},
};

// "…: FATAL:  28P01: text" as PQERRORS_VERBOSE has it
std::optional<ServerWords> parse_line(std::string_view line) {
    const std::size_t at = line.find(":  ");
    constexpr std::size_t k_state = 5;
    if (at == std::string_view::npos || line.size() < at + 3 + k_state + 2) {
        return std::nullopt;
    }
    const std::string_view state = line.substr(at + 3, k_state);
    if (state.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos ||
        line.substr(at + 3 + k_state, 2) != ": ") {
        return std::nullopt;
    }
    return ServerWords{std::string(state), std::string(line.substr(at + 3 + k_state + 2)), ""};
}

}  // namespace

std::vector<ServerWords> parse_verbose(std::string_view message) {
    std::vector<ServerWords> words;
    for (const std::string& line : split(std::string(message), '\n')) {
        if (auto said = parse_line(line)) {
            words.push_back(std::move(*said));
            continue;
        }
        // LOCATION:  ClientAuthentication, auth.c:543
        const std::size_t comma = line.rfind(", ");
        if (words.empty() || comma == std::string::npos ||
            line.find(".c:", comma) == std::string::npos) {
            continue;
        }
        const std::size_t begin = line.find(":  ");
        if (begin != std::string::npos && begin < comma) {
            words.back().routine = line.substr(begin + 3, comma - begin - 3);
        }
    }
    return words;
}

Remedy find_remedy(const SourceUrl& url, std::string_view message,
                   const std::vector<ServerWords>& words) {
    for (const ServerWords& said : words) {
        if (auto remedy = remedy_of(url, said, words)) {
            return std::move(*remedy);
        }
    }
    if (!words.empty()) {
        return {Stage::auth, "Check the user, the password and pg_hba.conf.", ""};
    }
    for (const ClientWords& entry : k_client_words) {
        if (has(message, entry.says)) {
            return {entry.stage, entry.hint, ""};
        }
    }
    return {};
}

}  // namespace ardent::cli
