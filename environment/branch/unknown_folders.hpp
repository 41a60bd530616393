// SPDX-License-Identifier: PostgreSQL
#pragma once

#include <set>
#include <string>
#include <vector>

namespace ardent::environment {

/// Names of what stands in the folder of branches and is no branch: somebody put it there, or the
/// state was restored from a backup that is older than the branch. To be reported and left alone,
/// because it may be the last copy of something. Sorted; empty when the folder is not there. Throws
/// base::Error (transient).
std::vector<std::string> unknown_folders(const std::string& branches,
                                         const std::set<std::string>& known);

}  // namespace ardent::environment
