// SPDX-License-Identifier: PostgreSQL
// What the grant script is put together from: parts, each with who may run it and how it is taken
// back. Rooms of this folder only; the door is scripts.hpp.
#pragma once

#include "common/preflight/catalogue.hpp"
#include "common/preflight/provider.hpp"

#include <string>
#include <vector>

namespace ardent::preflight {

/// Who may run a part. Two are the same when `who` is.
struct Authority {
    std::string who;        // for people: "a superuser", or a role, quoted
    std::string condition;  // SQL of type boolean: may the one who runs the script?
};

Authority superuser_authority();
/// A superuser, or, where the provider gives none, its administrator role.
Authority administrator_authority(const Provider& provider);
/// The role itself, its members, superusers.
Authority role_authority(const std::string& name, const std::string& quoted_name);

inline constexpr const char* k_drop_extension = "DROP EXTENSION ardent;";

struct Part {
    Authority authority;
    std::string
        heading;  // of a comment line above; parts of one heading that follow one another share it
    std::string text;               // whole lines for psql
    std::vector<std::string> undo;  // a statement each, for a role that was there before
};

/// What the script needs to know beside the server: the caller, the role as it is, the database.
struct GrantFacts {
    Authority caller;
    bool caller_superuser = false;
    bool caller_makes_roles = false;  // may make this role, or change it, REPLICATION included
    bool logs_in = false;
    bool replicates = false;
    bool expired = false;
    bool bypasses = false;    // row security
    std::string valid_until;  // as a literal, empty: for ever
    bool connects = false;
    bool connect_grantable = false;  // by the caller
    Authority database_owner;
    bool extension_available = false;  // its files are on the server
    bool metadata_usage = false;
    bool metadata_grantable = false;
};

GrantFacts observe_grant_facts(QueryRunner& runner, const Server& server, const Request& request);

/// The lines that make the role one that may log in and replicate, its password included, and who
/// may run them. Where the provider makes such roles outside SQL they say so, and stop when the
/// role is not there. No text when nothing of it is missing, unless `full`.
Part role_part(const Server& server, const GrantFacts& facts, const Request& request);

/// Lets the role's walsender load wal2json. No text where it may already, unless everything is
/// asked for.
Part plugin_part(const Server& server, const PluginAllowance& allowance, const Request& request);

/// CONNECT, the extension, the metadata schema.
std::vector<Part> database_parts(const Server& server, const GrantFacts& facts,
                                 const Request& request);

struct SchemaParts {
    std::vector<Part> parts;
    std::vector<std::string> missing;  // schemas that do not exist, quoted
    std::vector<std::string> system;   // schemas of the server's own, quoted
    std::vector<std::string> open;     // schemas where PUBLIC may create tables, quoted
};

/// USAGE, SELECT on tables and sequences, default privileges of each role that owns or may create
/// tables.
SchemaParts schema_parts(QueryRunner& runner, const Server& server, const GrantFacts& facts,
                         const Request& request);

}  // namespace ardent::preflight
