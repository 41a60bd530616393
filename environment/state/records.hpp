// SPDX-License-Identifier: PostgreSQL
// What the environment remembers, as values. Times are text as PostgreSQL prints them in ISO form, UTC.
#pragma once

#include "common/protocol/messages.hpp"
#include "environment/state/states.hpp"

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
    std::optional<model::Lsn> skip_ddl;  // the one DDL message that the operator leaves out

    std::string agent_version;
    std::string preflight = "{}";  // the last PreflightReport, JSON text
    bool preflight_pass = false;
    std::string preflight_at;  // when it came; empty: never
    std::optional<protocol::AgentStatus> agent_status;
    std::string agent_seen_at;  // empty: never
};

struct OperationRecord {
    std::string id;
    std::string type;    // "connector_delete", "connector_engine_setup"
    std::string status;  // "pending", "running", "completed", "failed"
    std::string resource_id;
    std::string error;  // empty: none
    std::string created_at;
    std::string updated_at;
    std::string completed_at;  // empty: not yet
};

struct ApiKeyRecord {
    std::string id;
    std::string name;
    std::string prefix;
    std::string hash;
};

}  // namespace ardent::environment
