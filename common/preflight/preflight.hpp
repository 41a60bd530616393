// SPDX-License-Identifier: PostgreSQL
// The entry of the catalogue: one list of checks behind two doors.
//
//     preflight::ConnectionRunner runner(connection);          // or the extension's SPI runner
//     preflight::Request request;
//     request.schemas = preflight::parse_schema_list("public,billing");
//     request.own_slot = "ardent_3f9c";  // the agent: its own slot is no duplicate
//     const preflight::Report report = preflight::run(runner, request);
//     if (!report.preflight_pass) { … preflight::to_json(report) … preflight::to_text(report, …) }
//
// Only reads: no lock beyond AccessShare on catalogs, no scan of an application table, no slot.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/preflight/query_runner.hpp"
#include "common/preflight/report.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::preflight {

inline constexpr const char* k_default_role = "ardent_replication";

enum class Decision { exclude, add_pk, replica_identity_full };

/// Throws base::Error (22023) for another word than the product's three.
Decision parse_decision(std::string_view word);

/// Findings that the operator accepts; an accepted finding is reported as info.
struct Accept {
    bool large_objects = false;
    /// Key "schema.table", plain or quoted as SQL quotes it.
    std::map<std::string, Decision> decisions;
    /// Tables that are left out, whatever their names look like.
    std::set<model::RelationName> excluded;

    /// nullopt when the operator has not decided about the table. `plain_name` is schema.table
    /// joined, `quoted_name` the same as SQL quotes it.
    std::optional<Decision> decision(const std::string& plain_name,
                                     const std::string& quoted_name) const;
    bool excludes(const std::string& plain_name, const std::string& quoted_name) const;
};

/// What creating a temporary slot from outside showed (the command's --probe-slot).
struct SlotProbe {
    std::optional<PluginProbe> plugin;  // empty: nothing about the library, and `problem` says why
    bool as_role = false;               // the slot was asked for by the replication role itself
    bool refused = false;               // the server does not let who asked use the library
    std::string problem;
    std::string hint;
};

struct Request {
    std::vector<std::string> schemas;  // names as the catalog has them
    std::string role = k_default_role;
    Accept accept;
    /// The grant script has everything, not only what is missing.
    bool full_grants = false;
    /// The slot of the connector that asks, empty when there is none yet.
    std::string own_slot;
    /// Shown in the report's head; empty: the database and the server's port.
    std::string target;
    /// Results that the caller has already (`tcp reachable`, `auth`); they come first.
    std::vector<CheckResult> before;
    /// A name of parse_provider; empty: detected.
    std::string provider;
    /// Present when the operator consented to a temporary slot; inside the server nothing looks at
    /// it.
    std::optional<SlotProbe> slot_probe;
};

/// Reads a list of names as PostgreSQL reads search_path: unquoted names fold to lower case, quoted
/// ones stay, each is cut to 63 bytes. Repeated names are dropped. Throws base::Error (22023) when
/// the text cannot be read or names nothing.
std::vector<std::string> parse_schema_list(std::string_view text);

/// The name of a provider ("rds", "vanilla", …). Throws base::Error (22023), which lists them, for
/// another word.
std::string parse_provider(std::string_view text);

/// What parse_provider gave, or, where that is empty, what the server tells.
std::string provider_of(QueryRunner& runner, const std::string& given);

/// Runs every check. An error of one check makes that check `unverified`; transient errors (a lost
/// connection, a cancelled statement) are thrown on as base::Error, and so is what the request
/// names wrongly (22023): a role that cannot be one, a decision for no relation.
Report run(QueryRunner& runner, const Request& request, ServerProbe* probe = nullptr);

/// A report of what was found before there was a connection.
Report only(std::vector<CheckResult> checks, std::string target);

/// The PreflightReport of the HTTP API: preflight_pass, branching_prerequisites_pass, checks (a map
/// from id to {ordinal, label, section, status, actual, expected, detail, hint, fix, objects}),
/// grant_script, settings_script, source_provider, source_metadata. The text has the report's
/// encoding; with `utf8`, what is not UTF-8 (a SQL_ASCII database) is replaced.
std::string to_json(const Report& report, bool utf8 = true);

enum class Letters { unicode, ascii };

struct TextOptions {
    Letters letters = Letters::unicode;
    bool verbose = false;  // further checks that passed, and the scripts even when nothing is to do
};

/// The report as a person reads it, one element a line, no line feed at the end.
std::vector<std::string> to_text(const Report& report, const TextOptions& options);

}  // namespace ardent::preflight
