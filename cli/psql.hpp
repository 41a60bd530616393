// SPDX-License-Identifier: PostgreSQL
// psql for one URL, whose password stands in no argument, in no variable and in no file with a
// name. One thread.
#pragma once

#include "cli/config_file.hpp"

#include <string>
#include <vector>

namespace ardent::cli {

/// What psql is started with.
struct PsqlStart {
    Variables environment;
    std::string password_line;  // of a password file; empty: the URL has no password
};

/// The URL's parameters as libpq's variables, and of the caller's PG… only those that cannot lead
/// to another server. Throws Failure (api_error) for a parameter that has no variable. Pure.
PsqlStart plan_psql(const std::string& url, const Variables& environment);

/// Becomes psql. The password is in a file of this process's memory (memfd, mode 0600), which
/// PGPASSFILE names by its descriptor: nothing is left behind, however psql ends. Throws
/// base::Error when psql cannot be started.
[[noreturn]] void run_psql(const std::string& url, const std::vector<std::string>& arguments,
                           const Variables& environment);

}  // namespace ardent::cli
