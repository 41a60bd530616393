// SPDX-License-Identifier: PostgreSQL
#include "cli/psql.hpp"

#include "cli/conninfo.hpp"
#include "cli/failure.hpp"
#include "common/base/fd.hpp"
#include "common/pq/pgpass.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;

namespace {

// What may stay of the caller's PG…: how things are shown and where files are, never where to
// connect or who connects.
constexpr std::array<std::string_view, 10> k_kept = {
    "PGAPPNAME",   "PGCLIENTENCODING", "PGCONNECT_TIMEOUT", "PGDATESTYLE", "PGGEQO",
    "PGLOCALEDIR", "PGOPTIONS",        "PGSYSCONFDIR",      "PGTZ",        "PGDATA"};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// libpq wants a regular file that nobody else may read, and opens it anew for each connection.
base::Fd password_file(const std::string& line) {
    base::Fd file(::memfd_create("ardent-psql", 0));
    if (!file.valid() || ::fchmod(file.get(), 0600) != 0 ||
        ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        throw Error(ErrorKind::replica,
                    std::string("cannot hold the password for psql: ") + std::strerror(errno));
    }
    return file;
}

}  // namespace

PsqlStart plan_psql(const std::string& url, const Variables& environment) {
    PsqlStart start;
    for (const auto& [name, value] : environment) {
        if (name.rfind("PG", 0) != 0 ||
            std::find(k_kept.begin(), k_kept.end(), name) != k_kept.end()) {
            start.environment.emplace(name, value);
        }
    }
    const Conninfo info(PQconninfoParse(url.c_str(), nullptr));
    for (const PQconninfoOption* at = info.get(); at != nullptr && at->keyword != nullptr; ++at) {
        const std::string keyword = at->keyword;
        if (at->val == nullptr || keyword == "password") {
            continue;
        }
        if (at->envvar == nullptr) {
            throw Failure("api_error", "psql cannot be told " + keyword + " of the branch's URL",
                          "Give psql the URL: ardent branch info <name> --print-url");
        }
        start.environment[at->envvar] = at->val;
    }
    const std::string password = value_of(info, "password");
    if (password.find('\n') != std::string::npos) {
        throw Failure("api_error", "the branch's password has a line end",
                      "Report this: no environment makes one.");
    }
    if (!password.empty()) {
        start.password_line = "*:*:*:*:" + pq::pgpass_field(password) + "\n";
    }
    return start;
}

void run_psql(const std::string& url, const std::vector<std::string>& arguments,
              const Variables& environment) {
    PsqlStart start = plan_psql(url, environment);
    base::Fd file;
    if (!start.password_line.empty()) {
        file = password_file(start.password_line);
        start.environment["PGPASSFILE"] = "/proc/self/fd/" + std::to_string(file.get());
    }
    std::vector<std::string> words = {"psql"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables;
    for (const auto& [name, value] : start.environment) {
        variables.push_back(name + "=" + value);
    }
    ::execvpe("psql", pointers_to(words).data(), pointers_to(variables).data());
    throw Error(ErrorKind::replica, std::string("cannot start psql: ") + std::strerror(errno),
                "Install PostgreSQL's client programs (Debian: apt install postgresql-client).");
}

}  // namespace ardent::cli
