// SPDX-License-Identifier: PostgreSQL
#include "cli/source_url.hpp"

#include "cli/conninfo.hpp"
#include "common/base/error.hpp"

#include <cstdlib>
#include <memory>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;

namespace {

Conninfo parse(const std::string& url) {
    if (url.rfind("postgresql://", 0) != 0 && url.rfind("postgres://", 0) != 0) {
        throw Error(
            ErrorKind::config, "the source is no postgresql:// URL",
            "Write it as 'postgresql://user:password@host:5432/database' in single quotes.");
    }
    char* problem = nullptr;
    Conninfo info(PQconninfoParse(url.c_str(), &problem));
    const std::unique_ptr<char, void (*)(void*)> owner(problem, PQfreemem);
    if (!info) {
        throw Error(
            ErrorKind::config, "the source's URL cannot be read",
            "Write it as 'postgresql://user:password@host:5432/database' and percent-encode "
            "special characters in the password.");
    }
    return info;
}

std::string default_authority_file() {
    const char* const home = std::getenv("HOME");
    return home == nullptr ? "" : std::string(home) + "/.postgresql/root.crt";
}

}  // namespace

SourceUrl read_source_url(const std::string& url) {
    const Conninfo info = parse(url);
    const Conninfo defaults(PQconndefaults());
    const auto either = [&](std::string_view keyword) {
        std::string value = value_of(info, keyword);
        return value.empty() ? value_of(defaults, keyword) : value;
    };
    SourceUrl read;
    read.text = url;
    read.host = value_of(info, "host");
    if (read.host.empty()) {
        read.host = value_of(info, "hostaddr");
    }
    if (read.host.empty()) {
        read.host = either("host");
    }
    const std::string port = either("port");
    const bool bracket = read.host.find(':') != std::string::npos;
    read.target = (read.host.empty() ? "local socket"
                   : bracket         ? "[" + read.host + "]"
                                     : read.host) +
                  ":" + (port.empty() ? "5432" : port);
    read.user = either("user");
    read.database = either("dbname");
    if (read.database.empty()) {
        read.database = read.user;
    }
    read.authority_file = either("sslrootcert");
    if (read.authority_file.empty()) {
        read.authority_file = default_authority_file();
    }
    return read;
}

bool is_socket(std::string_view host) noexcept {
    return host.empty() || host.front() == '/' || host.front() == '@';
}

}  // namespace ardent::cli
