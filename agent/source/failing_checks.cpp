// SPDX-License-Identifier: PostgreSQL
#include "agent/source/failing_checks.hpp"

#include "common/process/log.hpp"

namespace ardent::agent {

FailingChecks::Changes FailingChecks::look(const preflight::Report& report) {
    Changes changes;
    for (const preflight::CheckResult& check : report.checks) {
        if (check.status == preflight::Status::fail) {
            if (m_failing.insert(check.id).second) {
                changes.failing.push_back(check);
            }
        } else if (check.status != preflight::Status::unverified && m_failing.erase(check.id) > 0) {
            changes.mended.push_back(check);
        }
    }
    return changes;
}

void log_changes(FailingChecks& known, const preflight::Report& report) {
    const FailingChecks::Changes changes = known.look(report);
    for (const preflight::CheckResult& check : changes.failing) {
        process::log_warning("a check of the source fails: " + check.label,
                             {{"id", check.id},
                              {"found", check.details.empty() ? check.actual : check.details[0]},
                              {"hint", check.hint}});
    }
    for (const preflight::CheckResult& check : changes.mended) {
        process::log_info("a check of the source does not fail any more: " + check.label,
                          {{"id", check.id}});
    }
}

}  // namespace ardent::agent
