// SPDX-License-Identifier: PostgreSQL
// What the environment remembers, as values. Times are text as PostgreSQL prints them in ISO form,
// UTC.
#pragma once

#include "common/protocol/messages.hpp"
#include "environment/state/states.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ardent::environment {

inline constexpr const char* k_org = "org_default";
inline constexpr const char* k_project = "project_default";

/// ENABLE ALWAYS or REPLICA at the source; off in the replica, back on in a branch.
struct DisabledTrigger {
    model::RelationName relation;
    std::string name;
    char enabled = 'A';  // pg_trigger.tgenabled or pg_rewrite.ev_enabled: 'A' always, 'R' replica
    bool rule = false;
};

struct ConnectorRecord {
    std::string id;  // 32 hex digits
    std::string name;
    std::string org_id = k_org;
    std::string project_id = k_project;
    std::string service_name = "postgresql";
    std::vector<std::string> schemas;
    std::vector<model::RelationName> excluded;  // tables that the copy left out, sorted
    std::vector<std::string> drop_extensions;   // of the source, not installed in the replica
    std::string created_at;
    std::string token_hash;
    Phase phase = Phase::pending;
    std::optional<protocol::Failure> failure;

    std::optional<protocol::SourceIdentity>
        source;  // of the replica; before there is one: of the last hello
    std::string slot;
    std::optional<model::Lsn> consistent_point;
    protocol::NotCarried not_carried;
    std::vector<std::string> copy_warnings;  // found while the copy was made, and since by replay
    std::vector<DisabledTrigger> disabled_triggers;

    std::map<std::string, std::string>
        ddl_keys;                        // all that were ever handed over; secrets, shown nowhere
    bool captures = false;               // the source captures DDL, or did when the agent began
    std::optional<model::Lsn> skip_ddl;  // the one DDL message that the operator leaves out

    std::string agent_version;
    std::string preflight = "{}";  // the last PreflightReport, JSON text
    bool preflight_pass = false;
    std::string preflight_at;  // when it came; empty: never
    std::optional<protocol::AgentStatus> agent_status;
    std::string agent_seen_at;  // empty: never
};

/// How far a branch is. `creating` and `deleting` are under way, or were when the environment
/// ended: it goes on with a deletion, and removes what was half made. `failed`: nothing of it is
/// left but the reason.
enum class BranchPhase { creating, active, failed, deleting };

const char* to_string(BranchPhase phase) noexcept;
/// Throws base::Error (bug) for another word.
BranchPhase parse_branch_phase(std::string_view word);

struct BranchStep {
    std::string name;  // "checkpoint", "clone", "recovery", …
    std::uint64_t ms = 0;
};

struct BranchRecord {
    std::string id;  // 32 hex digits
    std::string connector_id;
    std::string name;            // of the connector's branches, once
    std::string requested_name;  // as it was asked for: "feature/x" becomes "feature-x"
    BranchPhase phase = BranchPhase::creating;
    std::string failure;        // empty: none
    std::int64_t revision = 0;  // of what is stored: whoever saves has to have read the last one
    std::uint16_t port = 0;     // of the front door; no other branch has it
    int major = 0;
    std::string database;
    std::string role;
    std::string password;  // a secret: in the URL alone
    std::string method;    // "reflink", "snapshot", "copy"
    std::optional<model::Lsn> lsn;
    std::string commit_time;  // of the source; empty: no transaction came since the copy
    std::vector<BranchStep> steps;
    std::vector<std::string> missing;  // what is not as at the source
    std::string warning;               // empty: none
    bool is_protected = false;
    std::optional<std::int64_t> suspend_after;  // seconds, 0: never; nullopt: branch.suspend_after
    std::int64_t expires = 0;                   // seconds since 1970 by this host's clock; 0: never
    std::optional<std::int64_t> ttl;            // seconds, 0: never; nullopt: nobody knows
    bool durable = false;                       // every byte of it is on disk
    /// Why it may not run for its use of the disk, "over its disk limit (…)"; empty: it may.
    std::string disk_stop;
    std::int64_t last_activity = 0;  // of a client, seconds since 1970; 0: none is known
    /// Of a reset that has prepared the new data, and only has to let go of the old; empty: none is
    /// that far.
    std::string reset_body;
    std::string created_at;
    std::string ready_at;           // empty: not yet
    std::vector<BranchStep> hooks;  // that have run in it
    std::string masked_at;          // when they had; empty: none ran
};

inline constexpr const char* k_default_db = "default_db";
inline constexpr const char* k_branch_sql = "branch_sql";
inline constexpr const char* k_branch_role = "branch_role";

/// The hook that has no other name.
inline constexpr const char* k_default_hook = "default";

/// A script that runs in each new branch of a connector.
struct HookRecord {
    std::string name;  // of the connector's, once
    std::int32_t order = 0;
    std::string sql;       // may hold what is secret: in no log and in no error
    std::string database;  // empty: the replica's
    std::string run_as;    // empty: the branch's own role
};

/// What the branches of a connector are made with. Empty: not set.
struct ConnectorSettings {
    std::string default_db;         // the database in their URLs
    std::string branch_role;        // what their sessions become at login
    std::vector<HookRecord> hooks;  // in the order in which they run
};

/// A change of one setting; what is nullopt stays as it is.
struct SettingChange {
    std::string connector_id;
    std::string key;
    std::string hook;  // of branch_sql, empty otherwise
    std::string value;
    std::optional<std::int32_t> order;
    std::optional<std::string> database;
    std::optional<std::string> run_as;
};

struct OperationRecord {
    std::string id;
    std::string type;    // "branch_create", "branch_delete", "connector_delete", …
    std::string status;  // "pending", "running", "completed", "failed"
    std::string resource_id;
    std::string error;  // empty: none
    std::string created_at;
    std::string updated_at;
    std::string completed_at;  // empty: not yet
};

/// A request to create a branch, under the key that its client gave it, and what it was answered.
struct IdempotencyRecord {
    std::string key;
    std::string request_hash;
    std::string operation_id;
    std::string operation_status;  // as it was answered
    std::string branch_id;
    bool created = true;
};

struct ApiKeyRecord {
    std::string id;
    std::string name;
    std::string prefix;
    std::string hash;
};

}  // namespace ardent::environment
