// SPDX-License-Identifier: PostgreSQL
// The list of checks. A check is a value: where it stands, the statement that observes it, and a
// pure function from the observed rows to an outcome. Rooms of this folder only; the door is
// preflight.hpp.
//
// To add a check: write its statement and its judge in checks_<topic>.cpp, name them in that file's
// list (the product's own in catalogue.cpp), give it a part in docs/preflight.md, and cases that
// fail and pass in tests/unit/preflight_*_test.cpp. Checks that look at the same pass over a
// catalog share one observation: it runs once a report.
#pragma once

#include "common/base/error.hpp"
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
    std::string product;  // version(), which look-alikes cannot leave alone
    std::string port;
    std::string database;
    std::string encoding;
    std::string provider;                     // a name of provider.hpp
    std::vector<std::string> provider_signs;  // what tells it
    std::string extension_version;            // empty: not installed in this database
    bool in_recovery = false;
    bool reads_settings = false;  // the caller may see every setting
    bool role_exists = false;
    std::string quoted_database;
    std::string quoted_role;

    int major() const noexcept { return version_num / 10000; }
};

/// `provider` is what the operator says; empty: what the server's roles, settings and so on tell.
/// Throws base::Error (22023) for a name that no role can have.
Server observe_server(QueryRunner& runner, const std::string& role,
                      const std::string& provider = {});

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

/// ALTER ROLE for psql that lets the role use wal2json, unless it may by then; a list that it has
/// is added to.
std::string allow_plugin(const Server& server, const PluginAllowance& allowance,
                         const std::string& role);

/// What the server itself can see; from outside, of the plugin what a temporary slot showed, and of
/// the extension's library what calling one of its functions ended with.
struct Inside {
    bool is_inside = false;
    std::optional<base::Error> library;  // nullopt: it is loaded
    std::optional<PluginProbe> plugin;
    std::optional<std::string> wal_free;  // bytes under pg_wal, for who may know
};

struct Context {
    const Request& request;
    const Server& server;
    const PluginAllowance& allowance;
    const Inside& inside;
    const Rows& rows;

    /// Empty for NULL and for what is not there.
    std::string text(std::size_t row, std::size_t column) const;
    long number(std::size_t row, std::size_t column) const;
    bool flag(std::size_t row, std::size_t column) const;
    bool is_null(std::size_t row, std::size_t column) const;
};

struct Outcome {
    Status status = Status::pass;
    std::string actual;
    std::string shown;
    std::vector<std::string> details;
    std::string hint;
    std::string fix;
    std::vector<std::string> objects;
    bool fix_elsewhere = false;  // as in CheckResult
};

/// What a statement of the list gets as $1, $2, ….
enum class Arguments {
    none,
    schemas,
    schemas_and_role,
    schemas_and_excluded,
    role,
    role_and_slot,
    own_slot
};

/// One statement of the list; what several checks share runs once a report.
struct Observation {
    const char* sql;
    Arguments arguments = Arguments::none;
    bool privileged = false;            // only told to who may read every setting of the server
    int since = 0;                      // server_version_num from which `sql` is understood
    const char* before_that = nullptr;  // nullptr: no rows there
};

/// One number: how many forms of pg_logical_emit_message PUBLIC may call. A check and the grant
/// script ask for it.
inline constexpr Observation k_message_writers = {R"(
SELECT pg_catalog.count(*)
  FROM pg_catalog.pg_proc AS p
 CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a
 WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.proname = 'pg_logical_emit_message'
   AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'
)"};

struct Check {
    const char* id;
    Section section;
    const char* label;
    const char* expected;
    const Observation* observation;  // nullptr: what was observed once is enough
    Outcome (*judge)(const Context&);
    bool branching = true;
};

/// In the order of the report.
std::vector<Check> catalogue();

using Checks = std::span<const Check>;
Checks server_checks() noexcept;
Checks role_checks() noexcept;
Checks hba_checks() noexcept;
Checks capacity_checks() noexcept;
Checks wal_checks() noexcept;
Checks slot_checks() noexcept;
Checks failover_checks() noexcept;
Checks transaction_checks() noexcept;
Checks relation_checks() noexcept;
Checks outside_checks() noexcept;
Checks extension_checks() noexcept;
Checks column_checks() noexcept;
Checks capture_checks() noexcept;

/// The first names of a long list as one line each, then how many more there are.
void list_capped(std::vector<std::string>& details, std::string_view before,
                 const std::vector<std::string>& objects);

extern const Observation k_settings;
extern const Observation k_slot_capacity;
extern const Observation k_sender_capacity;
extern const Observation k_plugin_use;
extern const Observation k_readable;
extern const Observation k_identities;
extern const Observation k_available;
extern const Observation k_role;
extern const Observation k_slots;
extern const Observation k_topology;
extern const Observation k_columns;

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

}  // namespace ardent::preflight
