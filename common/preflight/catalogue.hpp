// SPDX-License-Identifier: PostgreSQL
// The list of checks. A check is a value: where it stands, the statement that observes it, and a pure
// function from the observed rows to an outcome. Rooms of this folder only; the door is preflight.hpp.
//
// To add a check: write its statement and its judge in checks_<topic>.cpp, name both in catalogue.cpp,
// and give it a part in docs/preflight.md.
#pragma once

#include "common/preflight/preflight.hpp"
#include "common/preflight/query_runner.hpp"
#include "common/preflight/report.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

/// What nearly every check and script needs to know, observed once.
struct Server {
    int version_num = 0;
    std::string version;
    std::string port;
    std::string database;
    std::string encoding;
    std::string provider;
    std::string extension_version;  // empty: not installed in this database
    bool in_recovery = false;
    bool reads_settings = false;  // the caller may see every setting
    bool role_exists = false;
    std::string quoted_database;
    std::string quoted_role;

    int major() const noexcept { return version_num / 10000; }
};

Server observe_server(QueryRunner& runner, const std::string& role);

/// May the role's walsender load wal2json? Observed apart, because it takes several looks.
struct PluginAllowance {
    enum class Verdict { allowed, refused, one_string, unknown } verdict = Verdict::unknown;
    bool known = true;               // the server has the setting output_plugin_libraries
    bool set_for_role = false;       // by ALTER ROLE … SET
    bool set_for_role_here = false;  // by ALTER ROLE … IN DATABASE … SET
    std::string value;               // what is in force for the role
    std::vector<std::string> libraries;
    bool cluster_one_string = false;  // everybody else is refused everything
};

PluginAllowance observe_allowance(QueryRunner& runner, const Request& request, ServerProbe* probe);

struct Context {
    const Request& request;
    const Server& server;
    const PluginAllowance& allowance;
    const std::optional<PluginProbe>& plugin;
    Rows rows;

    /// Empty for NULL and for what is not there.
    std::string text(std::size_t row, std::size_t column) const;
    long number(std::size_t row, std::size_t column) const;
    bool flag(std::size_t row, std::size_t column) const;
};

struct Outcome {
    Status status = Status::pass;
    std::string actual;
    std::string shown;
    std::vector<std::string> details;
    std::string hint;
    std::string fix;
    std::vector<std::string> objects;
};

/// What a statement of the list gets as $1, $2, ….
enum class Arguments { none, schemas, schemas_and_role, role, own_slot };

struct Check {
    const char* id;
    Section section;
    const char* label;
    bool branching;
    const char* observe;  // nullptr: what was observed once is enough
    Arguments arguments;
    Outcome (*judge)(const Context&);
};

/// In the order of the report.
std::span<const Check> catalogue() noexcept;

/// The first names of a long list as one line each, then how many more there are.
void list_capped(std::vector<std::string>& details, std::string_view before,
                 const std::vector<std::string>& objects);

extern const char* const k_observe_settings;
extern const char* const k_observe_slots;
extern const char* const k_observe_senders;
extern const char* const k_observe_plugin_use;
extern const char* const k_observe_readable;
extern const char* const k_observe_identities;
extern const char* const k_observe_role;
extern const char* const k_observe_duplicates;
extern const char* const k_observe_large_objects;
extern const char* const k_observe_inexact_columns;

Outcome judge_metadata(const Context& context);
Outcome judge_writer(const Context& context);
Outcome judge_wal_level(const Context& context);
Outcome judge_slots(const Context& context);
Outcome judge_senders(const Context& context);
Outcome judge_plugin(const Context& context);
Outcome judge_readable(const Context& context);
Outcome judge_metadata_schema(const Context& context);
Outcome judge_identity(const Context& context);
Outcome judge_duplicate(const Context& context);
Outcome judge_role(const Context& context);
Outcome judge_large_objects(const Context& context);
Outcome judge_inexact_columns(const Context& context);

}  // namespace ardent::preflight
