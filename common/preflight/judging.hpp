// SPDX-License-Identifier: PostgreSQL
// What judges share: looking up a setting in the rows of k_settings, and turning flagged objects
// into an outcome. Rooms of this folder only. Pure.
#pragma once

#include "common/preflight/catalogue.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

/// A setting as the role's sessions in this database get it. Times are in milliseconds, sizes in
/// kB.
struct Setting {
    std::string value;
    bool hidden = false;   // this session has another value, and the one in force cannot be seen
    bool pending = false;  // a new value waits for a restart
    std::string place;     // "server", "database", "role" or "role here": who says so
    std::string entry;     // the value as ALTER ROLE or ALTER DATABASE stored it

    long number() const;
};

/// nullopt when this server does not know the setting. The rows are those of k_settings.
std::optional<Setting> find_setting(const Context& context, std::string_view name);

/// Ages in transactions beyond which a check warns, and fails: the server stops at 2^31 less three
/// million.
constexpr long k_old_age = 1000000000;
constexpr long k_last_age = 1800000000;

/// For people: "90 s", "2 min"; of a time in milliseconds.
std::string show_time(long milliseconds);
/// "3.0 MB"; of bytes.
std::string show_bytes(long bytes);

/// An outcome that says that this session cannot see the value.
Outcome hidden_setting(std::string_view name);

/// An outcome of one finding.
Outcome finding(Status status, std::string actual, std::string detail, std::string hint = {},
                std::string fix = {});

/// The first column of a row is a list of words, each ended by a space; the second names the
/// object, the table's quoted and plain names stand in the columns `table` and `table` + 1.
struct Flagged {
    std::string_view word;
    std::size_t table = 1;
};

/// A finding of a role that is not there yet.
Outcome no_role(const Context& context);

/// The objects that carry the word, without the tables that the operator excludes.
std::vector<std::string> flagged(const Context& context, const Flagged& which);

/// Passes without objects; otherwise `status`, the line, then the objects.
Outcome listed(std::vector<std::string> objects, Status status, std::string line,
               std::string hint = {});

/// As `listed`, as info; the text has their number alone.
Outcome counted(std::vector<std::string> objects, std::string line, std::string hint = {});

}  // namespace ardent::preflight
