// SPDX-License-Identifier: PostgreSQL
// A branch as the environment describes it (BranchRow of docs/openapi.yaml), and which of them may
// be believed. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

using Text = std::optional<std::string>;  // nothing: null or absent

struct BranchStep {
    std::string name;
    std::uint64_t ms = 0;
};

struct BranchWarning {
    std::string type;
    std::string message;
};

struct BranchRow {
    std::string id;
    std::string name;
    std::string requested_name;
    std::string connector_id;
    std::string service_type;
    std::string status;  // its life: creating, active, failed, deleting
    Text state;          // its server: active, suspending, suspended, resuming, resetting
    Text state_since;
    Text failure;
    Text branch_url;
    Text created_at;
    Text read_ready_at;
    Text write_ready_at;
    Text masked_ready_at;
    Text last_branch_activity;
    Text connector_name;
    Text data_as_of_lsn;
    Text data_as_of_commit_time;
    Text method;
    std::vector<BranchStep> steps;
    std::vector<BranchStep> hooks;  // that have run in it
    std::optional<std::uint64_t> own_bytes;
    Text awake_because;
    std::optional<std::uint64_t> suspend_after;  // seconds; nullopt: never
    Text expires_at;
    std::optional<bool> is_protected;
    std::optional<bool> durable;
    Text egress;
    std::vector<std::string> missing;
    Text host;
    std::optional<std::uint64_t> port;
    Text database;
    Text user;
    std::optional<BranchWarning> warning;
};

/// Throws Failure (api_error) when what tells a branch from another is missing or of another type:
/// id, name, connector_id, service_type, status. Everything else of another type than expected
/// counts as null.
BranchRow read_branch_row(const nlohmann::json& row);

/// What was asked for. Empty: not known beforehand.
struct Asked {
    std::string connector_id;
    std::string id;
    std::string name;
    std::string requested_name;
};

/// Throws Failure (api_error) when the row is of anything else than what was asked for.
void check_is(const BranchRow& row, const Asked& asked);

/// The row's direct URL, which is the branch's own and can be used. Throws Failure: `not_found` for
/// a branch that is being deleted, `api_error` for one that failed or is not ready, or whose URL is
/// of another place than the row says, `branch_url_missing` when there is none.
std::string usable_url(const BranchRow& row);

/// Exactly one row of this name. Throws Failure (api_error) for a row of another connector and for
/// two of one name.
std::optional<BranchRow> find_row(const std::vector<BranchRow>& rows, const std::string& name);

}  // namespace ardent::cli
