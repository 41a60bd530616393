// SPDX-License-Identifier: PostgreSQL
// What the public API says about a branch, as JSON. Pure; any thread. Field names and types:
// docs/openapi.yaml.
#pragma once

#include "environment/branch/branches.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace ardent::environment {

/// BranchRow of a list: without a URL.
nlohmann::json branch_row(const BranchView& view, const std::string& connector_name,
                          const BranchSettings& settings,
                          const std::optional<DoorActivity>& activity);

/// The same with what a list leaves out: the URL, which has the password, and, where they are asked
/// for, the branch's own bytes, for which all of its files are looked at.
nlohmann::json branch_row_with_url(const Branches& branches, const BranchView& view,
                                   const BranchSettings& settings, bool own_bytes);

}  // namespace ardent::environment
