// SPDX-License-Identifier: PostgreSQL
// The environment's calls about branches, and waiting for the work behind them. Every row that
// comes back was asked for: see check_is. One thread.
#pragma once

#include "cli/api.hpp"
#include "cli/branch_name.hpp"
#include "cli/branch_row.hpp"
#include "cli/waiting.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

/// Work that the environment has taken on.
struct Operation {
    std::string id;           // empty: nothing is left to wait for
    std::string resource_id;  // the branch
    bool created = true;      // false: the branch was there
};

struct CreateRequest {
    std::string connector_id;
    BranchName name;
    std::optional<std::chrono::seconds> ttl;  // 0: never; nothing: as the environment has it
    bool protect = false;
    bool allow_stale = false;
};

/// A moment after which nobody waits any longer.
using Deadline = std::chrono::steady_clock::time_point;

class BranchApi {
public:
    explicit BranchApi(Api& api) : m_api(api) {}

    /// Without URLs.
    std::vector<BranchRow> list(const std::string& connector_id);

    /// Throws Failure (not_found) when there is none. `own_bytes` has the environment walk all
    /// files of the branch, which takes longer than everything else of the answer; without it they
    /// are not told.
    BranchRow one(const Asked& asked, bool own_bytes = false);

    /// The branch of exactly this name; throws Failure (not_found).
    BranchRow named(const std::string& connector_id, const BranchName& name);

    /// A request that is lost on its way is sent again, under one idempotency key, until the
    /// deadline; a create of the same branch that is under way is joined.
    Operation create(const CreateRequest& request, Deadline deadline);

    /// DELETE, or POST of `verb` (reset, suspend, resume). One that is under way already is joined.
    Operation remove(const BranchRow& row);
    Operation act(const BranchRow& row, const std::string& verb);

    struct Change {
        std::optional<std::chrono::seconds> ttl;
        std::optional<bool> is_protected;
        /// 0: never; nothing within: as the environment has it.
        std::optional<std::optional<std::chrono::seconds>> suspend_after;
    };
    BranchRow update(const BranchRow& row, const Change& change);

    /// True when the operation has completed, false at the deadline. Throws Failure (api_error),
    /// which begins with `complaint`, when it failed. While the environment cannot be reached it
    /// asks on.
    bool wait(const Operation& operation, const std::string& complaint, const Waiting& waiting,
              Deadline deadline);

private:
    bool has_completed(const Operation& operation, const std::string& complaint,
                       const Waiting& waiting, Deadline deadline);

    Api& m_api;
};

}  // namespace ardent::cli
