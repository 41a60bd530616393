// SPDX-License-Identifier: PostgreSQL
// The scripts that a connector's setting branch_sql runs in each new branch, before anybody can
// connect to it: over the local socket, each in a session of its own that is like a client's, as
// the branch's own role or as one that this role may become; never as a superuser. A statement at a
// time, as psql sends a file, so that what cannot run in a transaction block works, and a script
// that wants a transaction writes BEGIN and COMMIT.
//
// A script is the customer's, and what it meets is the source's: rows that come back are thrown
// away, and time is bounded here, because a script may change statement_timeout. One thread.
#pragma once

#include "environment/instance/instance.hpp"
#include "environment/state/records.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace ardent::environment {

struct HookPlan {
    std::string database;                 // where a hook runs that names none
    std::string role;                     // the branch's own
    std::vector<std::string> superusers;  // of the source
    std::chrono::milliseconds timeout{};  // of one hook
    std::function<bool()> go_on;          // asked ten times a second
};

/// In this order; how long each took. Throws base::Error (replica) when one fails, with its place
/// and without its literals: nothing may be made of the branch then.
std::vector<BranchStep> run_hooks(const Instance& branch, const std::vector<HookRecord>& hooks,
                                  const HookPlan& plan);

}  // namespace ardent::environment
