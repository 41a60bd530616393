// SPDX-License-Identifier: PostgreSQL
// What changed from one preflight report to the next. Pure; one thread at a time.
#pragma once

#include "common/preflight/report.hpp"

#include <set>
#include <string>
#include <vector>

namespace ardent::agent {

class FailingChecks {
public:
    struct Changes {
        std::vector<preflight::CheckResult> failing;  // did not fail at the last look
        std::vector<preflight::CheckResult> mended;   // failed, and do not any more
    };

    /// A check that is unverified now is as it was.
    Changes look(const preflight::Report& report);

private:
    std::set<std::string> m_failing;  // ids
};

/// Looks, and logs each change.
void log_changes(FailingChecks& known, const preflight::Report& report);

}  // namespace ardent::agent
