// SPDX-License-Identifier: PostgreSQL
// Who runs the server, and what follows for the one who has to mend it: where a setting is changed,
// how a role is let replicate, whether wal2json can be had. One table; what could not be found in a
// provider's own documentation says "ask its support" instead of guessing. Pure. Rooms of this
// folder, and the doors.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

/// How a role is let replicate.
enum class Replicating {
    attribute,   // ALTER ROLE … REPLICATION
    membership,  // GRANT rds_replication TO …
    elsewhere,   // not in SQL: `replication_note` says where
};

enum class Wal2json {
    package,   // the DBA installs it
    included,  // the provider brings it
    unsure,    // not documented
    never,     // no logical replication at all: `logical_note` says so
};

/// How a new value of a setting gets into force.
enum class Takes { reload, restart };

struct Provider {
    const char* name;   // in the report, and for those who say it themselves
    const char* title;  // in sentences
    /// Any one of them tells it: "role R", "setting S", "schema S", "function F", "extension E".
    std::array<std::string_view, 4> signs;
    /// Managed: nobody outside the provider is let run ALTER SYSTEM, install a library, or read
    /// pg_hba.conf.
    bool managed;
    bool superuser;            // the customer has one
    const char* where;         // where settings are changed
    const char* logical;       // what stands for wal_level = logical there
    const char* logical_note;  // said instead, where it is not done in `where`
    const char* restart;       // after a setting that needs one
    Replicating replicating;
    const char* admin;  // who may do that, and create roles
    const char* replication_note;
    Wal2json wal2json;
    const char* network;  // where addresses are let in
    /// Parts of a host name that all occur in that of the provider's pooler; empty: not told by its
    /// name.
    std::array<std::string_view, 2> pooler;
    const char* instead_of_pooler;
};

inline constexpr std::string_view k_vanilla = "vanilla";
/// RDS and Aurora: its members may replicate.
inline constexpr const char* k_replication_role = "rds_replication";

/// In the order in which their signs count; the last one has none.
std::span<const Provider> providers() noexcept;

/// Vanilla for a name that is none.
const Provider& find_provider(std::string_view name) noexcept;

/// The first that has one of these signs.
const Provider& detect_provider(const std::vector<std::string>& signs) noexcept;

/// The signs that begin with "setting ", without that; or all the others, whole.
std::vector<std::string> known_settings();
std::vector<std::string> known_signs();

/// How a managed provider's settings are changed, as comments of SQL; `lines` are "name = value".
std::string change_settings(const Provider& provider, const std::vector<std::string>& lines,
                            Takes takes);
/// `logical_note`, as comments of SQL.
std::string explain_wal_level(const Provider& provider);

/// What there is to know about a role that replicates there, as comments of SQL; mostly empty.
std::string replication_advice(const Provider& provider);
/// What lets the role replicate: SQL, or comments where SQL cannot.
std::string let_replicate(const Provider& provider, const std::string& quoted_role);

/// What to do when the server does not find wal2json.
std::string wal2json_advice(const Provider& provider, int major);

/// What to name instead of a provider's pooler; empty for a host that is not known as one.
std::string instead_of_pooler(std::string_view host);

}  // namespace ardent::preflight
