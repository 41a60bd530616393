// SPDX-License-Identifier: PostgreSQL
#include "cli/tls.hpp"

#include "cli/conninfo.hpp"
#include "common/base/address.hpp"
#include "common/preflight/scripts.hpp"

#include <unistd.h>

namespace ardent::cli {

using preflight::Status;

namespace {

std::string in_force(const pq::Connection& connection, std::string_view keyword) {
    return value_of(Conninfo(PQconninfo(connection.handle())), keyword);
}

std::string attribute(const pq::Connection& connection, const char* name) {
    const char* const value = PQsslAttribute(connection.handle(), name);
    return value == nullptr ? "" : value;
}

bool is_old(const std::string& protocol) {
    return protocol.rfind("SSL", 0) == 0 || protocol == "TLSv1" || protocol == "TLSv1.0" ||
           protocol == "TLSv1.1";
}

bool can_fall_back(const std::string& sslmode) {
    return sslmode == "disable" || sslmode == "allow" || sslmode == "prefer" || sslmode.empty();
}

std::string how_verified(const TlsFacts& facts) {
    if (facts.sslmode == "verify-full") {
        return "certificate and host name verified";
    }
    if (facts.sslmode == "verify-ca" || (facts.sslmode == "require" && facts.has_authority)) {
        return "certificate verified, host name not";
    }
    return "certificate not verified";
}

void fall_back(const TlsFacts& facts, preflight::CheckResult& check) {
    check.status = Status::fail;
    check.shown.clear();
    check.details = {"sslmode=" + (facts.sslmode.empty() ? "prefer" : facts.sslmode) + " to " +
                     facts.host + ", which is no local address: " +
                     (facts.encrypted ? "this connection is encrypted, but anyone in between can "
                                        "have it fall back to clear text."
                                      : "this connection is not encrypted.")};
    check.hint =
        "Put sslmode=verify-full with sslrootcert=, or at the least sslmode=require, into the URL" +
        std::string(facts.encrypted ? "." : "; the server needs ssl = on.");
}

}  // namespace

TlsFacts observe_tls(const pq::Connection& connection, const SourceUrl& url) {
    const char* const address = PQhostaddr(connection.handle());
    TlsFacts facts;
    facts.host = url.host;
    facts.address = address == nullptr ? "" : address;
    facts.sslmode = in_force(connection, "sslmode");
    facts.encrypted = PQsslInUse(connection.handle()) != 0;
    facts.protocol = attribute(connection, "protocol");
    facts.cipher = attribute(connection, "cipher");
    facts.has_authority = ::access(url.authority_file.c_str(), F_OK) == 0;
    facts.by_gss =
        PQgssEncInUse(connection.handle()) != 0 && in_force(connection, "gssencmode") == "require";
    return facts;
}

preflight::CheckResult judge_tls(const TlsFacts& facts, const preflight::Provider& provider) {
    preflight::CheckResult check{.id = "tls", .label = "tls", .status = Status::pass};
    const bool local = facts.address.empty() || base::is_loopback(facts.address);
    if (facts.by_gss) {
        check.shown = "encrypted by GSSAPI";
        return check;
    }
    if (facts.encrypted) {
        check.actual = facts.protocol + ", " + facts.cipher + ", " + how_verified(facts);
        check.shown = check.actual;
    } else {
        check.actual = "none";
    }
    if (local && !facts.encrypted) {
        check.status = Status::info;
        check.shown =
            facts.address.empty() ? "not needed: Unix socket" : "not needed: local address";
        return check;
    }
    if (!local && can_fall_back(facts.sslmode)) {
        fall_back(facts, check);
        return check;
    }
    if (is_old(facts.protocol)) {
        check.status = Status::warn;
        check.details = {facts.protocol + " is broken and retired (RFC 8996)."};
        check.hint =
            "Run the fix at the server, and see that ssl_max_protocol_version is not lower.";
        check.fix = preflight::tls_version_fix(provider.name);
        return check;
    }
    if (!local && facts.sslmode == "require" && !facts.has_authority) {
        check.details = {"sslmode=require encrypts, but takes any certificate."};
        check.hint = "sslmode=verify-full with sslrootcert= makes sure who answers.";
    }
    return check;
}

}  // namespace ardent::cli
