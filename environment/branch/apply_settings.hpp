// SPDX-License-Identifier: PostgreSQL
// What a connector's settings make of a branch that was prepared, before anybody can connect to it:
// hooks run in it, its sessions become branch_role, and the database of its URL is there. One
// thread.
#pragma once

#include "environment/branch/hooks.hpp"

#include <string>
#include <vector>

namespace ardent::environment {

struct SettingsPlan {
    ConnectorSettings settings;
    std::string url_database;
    HookPlan hooks;
};

/// The hooks that ran. Throws base::Error (replica) that says what to do.
std::vector<BranchStep> apply_settings(const Instance& branch, const SettingsPlan& plan);

}  // namespace ardent::environment
