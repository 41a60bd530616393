// SPDX-License-Identifier: PostgreSQL
// `ardent branch delete`, and what it remembers of one that outlasted its patience.
#include "cli/branch.hpp"
#include "cli/failure.hpp"

#include <algorithm>
#include <ostream>

namespace ardent::cli {

using base::Error;

namespace {

Failure delete_timed_out(const Waiting& waiting, const std::string& operation_id) {
    return Failure("timeout", "Branch delete did not complete within " +
                                  patience_text(waiting.longest) +
                                  ". It may still be running server-side. If you contact Ardent "
                                  "support, reference operation id " +
                                  operation_id + ".");
}

void drop_pending(Selections& selected, const std::string& connector_id, const std::string& name) {
    std::erase_if(selected.deletes, [&](const PendingDelete& one) {
        return one.connector_id == connector_id && one.name == name;
    });
}

}  // namespace

void Branches::remember_delete(const BranchRow& row, const Operation& operation) {
    try {
        change_config(m_environment, [&](Config& config) {
            config.selections = selections_at(config, m_api.url());
            drop_pending(config.selections, row.connector_id, row.name);
            config.selections.deletes.push_back({row.connector_id, row.name, row.id, operation.id});
        });
    } catch (const Error& error) {
        m_notes << "⚠ the delete is not remembered: " << error.what() << '\n';
    }
}

/// Once the environment has confirmed it. A file that was never written needs no change.
void Branches::forget(const std::string& connector_id, const std::string& branch_id,
                      const std::string& name) {
    const bool current = m_selected.branch.id == branch_id;
    if (!current && m_selected.deletes.empty()) {
        return;
    }
    try {
        change_config(m_environment, [&](Config& config) {
            config.selections = selections_at(config, m_api.url());
            drop_pending(config.selections, connector_id, name);
            if (config.selections.branch.id == branch_id) {
                config.selections.branch = {};
            }
        });
    } catch (const Error& error) {
        m_notes << "⚠ the branch is still remembered here: " << error.what() << '\n';
    }
}

/// A delete of this name that was left running, of a branch that is gone from the list by now.
void Branches::finish_delete(const std::string& connector_id, const std::string& name) {
    const auto at = std::find_if(m_selected.deletes.begin(), m_selected.deletes.end(),
                                 [&](const PendingDelete& one) {
                                     return one.connector_id == connector_id && one.name == name;
                                 });
    if (at == m_selected.deletes.end()) {
        throw Failure("not_found", "there is no branch '" + name + "'",
                      "See them all: ardent branch list");
    }
    const Waiting waiting = delete_waiting(m_environment);
    if (!m_branches.wait({at->operation_id, at->branch_id}, "branch '" + name + "' was not deleted",
                         waiting, std::chrono::steady_clock::now() + waiting.longest)) {
        throw delete_timed_out(waiting, at->operation_id);
    }
    forget(connector_id, at->branch_id, name);
}

void Branches::remove(const std::string& text) {
    const BranchName name = read_name(text);
    const Waiting waiting = delete_waiting(m_environment);
    const auto deadline = std::chrono::steady_clock::now() + waiting.longest;
    const std::string connector_id = connector().id;
    const auto row = find_row(m_branches.list(connector_id), name.name);
    if (!row) {
        finish_delete(connector_id, name.name);
    } else {
        check_is(*row, {connector_id, row->id, name.name, name.mapped() ? name.requested : ""});
        const Operation operation = m_branches.remove(*row);
        if (!m_branches.wait(operation, "branch '" + row->name + "' was not deleted", waiting,
                             deadline)) {
            remember_delete(*row, operation);
            throw delete_timed_out(waiting, operation.id);
        }
        forget(connector_id, row->id, row->name);
    }
    m_out << "✓ Branch deleted\n";
}

}  // namespace ardent::cli
