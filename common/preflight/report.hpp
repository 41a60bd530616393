// SPDX-License-Identifier: PostgreSQL
// What preflight found, as values. Texts are in the encoding of the connection that was asked: the
// database's inside the server, UTF-8 from outside.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ardent::preflight {

/// Only `fail` blocks. `unverified` means: cannot be seen from here, or must not be told to this
/// caller.
enum class Status { pass, fail, warn, unverified, info };

/// "pass", "fail", "warn", "unverified", "info".
const char* to_string(Status status) noexcept;

/// The place of a check in the report. The product's checks come first, under `connection`.
enum class Section { connection, server, role, capacity, slots, tables, columns, capture };

/// "Connection", "Server", "Role and rights", "Replication capacity", "Slots and WAL", "Tables",
/// "Columns", "DDL capture".
const char* to_string(Section section) noexcept;

struct CheckResult {
    std::string id;  // stable, [a-z0-9_]; docs/preflight.md has a part of that name
    Section section = Section::connection;
    std::string label;
    Status status = Status::unverified;
    std::string actual;                // the observed value, empty when there is no single one
    std::string expected;              // what it should be
    std::string shown;                 // what stands in parentheses behind the label
    std::vector<std::string> details;  // one line each, capped; `objects` is complete
    std::string hint;                  // what to do, one line
    std::string fix;                   // text for psql that mends it, empty when SQL cannot
    std::vector<std::string> objects;  // all offending objects, quoted as SQL needs it
    bool branching = true;             // belongs to what branching needs
    /// A script of the report, or the hint, has the fix too: the text leaves it to that.
    bool fix_elsewhere = false;
};

struct Report {
    std::string target;  // "host:port", or the database when asked from inside
    std::vector<CheckResult> checks;
    bool preflight_pass = false;                // no check failed
    bool branching_prerequisites_pass = false;  // no check that branching needs failed
    bool nothing_to_grant = false;              // the grant script has nothing to do
    bool settings_needed = false;               // the settings script would change something
    std::string grant_script;
    std::string settings_script;
    std::string source_provider;    // "vanilla", "rds", …
    bool provider_detected = true;  // nobody said it
    std::map<std::string, std::string> source_metadata;
};

}  // namespace ardent::preflight
