// SPDX-License-Identifier: PostgreSQL
// What replaying is told by its owner. A value; the functions are called on the applier's thread.
#pragma once

#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replica/extensions.hpp"
#include "environment/state/records.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::replay {

struct ReplayerOptions {
    Scope scope;
    std::string encoding = "UTF8";
    std::vector<std::string> superusers;  // of the source
    pq::ConnectOptions admin;
    /// As it is now; asked at each statement about an extension.
    std::function<environment::ExtensionPolicy()> extensions;
    /// What the operator should know about the replica from now on; called before the commit, and
    /// again when it is tried again.
    std::function<void(const std::string&)> warn;
    /// Something that the replica does not have from now on. Called as `warn`.
    std::function<void(const protocol::LeftOut&)> left_out;
    /// What the source made or dropped, by identity: whatever was left out of these is so no more.
    std::function<void(const std::vector<std::string>&)> followed;
    /// Triggers and rules that would fire in the replica were switched off; called before the
    /// commit.
    std::function<void(const std::vector<environment::DisabledTrigger>&)> disabled;
};

}  // namespace ardent::replay
