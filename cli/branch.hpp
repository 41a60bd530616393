// SPDX-License-Identifier: PostgreSQL
// `ardent branch` and its commands: create, list, info, switch, delete, reset, update, suspend,
// resume, psql. One thread.
//
// Never the URL of anything else: a URL goes to `out` only after the environment's row was found to
// be of the branch that was asked for, of its connector, alive, and to agree with its own URL
// (branch_row.hpp). Whatever is not so is an error, and then nothing was written to `out`.
#pragma once

#include "cli/branch_api.hpp"
#include "cli/branch_text.hpp"
#include "cli/selection.hpp"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

enum class BranchOutput { text, url, json };

struct BranchCreateOptions {
    std::string name;
    BranchOutput output = BranchOutput::text;
    std::string ttl;  // empty: as the environment has it
    bool protect = false;
    bool allow_stale = false;
    bool wait = true;
    std::string timeout;
};

struct BranchUpdateOptions {
    std::string ttl;
    std::string suspend_after;
    std::optional<bool> is_protected;
};

class Branches {
public:
    /// `connector` is what --connector says, or empty. Results go to `out`, everything else to
    /// `notes`.
    Branches(Api& api, const Variables& environment, std::string connector, std::ostream& out,
             std::ostream& notes);

    void create(const BranchCreateOptions& options);
    void list(bool json);
    /// An empty name: the current branch.
    void info(const std::string& name, BranchOutput output);
    void switch_to(const std::string& name);
    void remove(const std::string& name);
    void reset(const std::string& name, const std::string& timeout);
    void update(const std::string& name, const BranchUpdateOptions& options);
    /// `verb`: "suspend" or "resume".
    void set_state(const std::string& name, const std::string& verb);
    /// Becomes psql; returns only by an Error.
    [[noreturn]] void psql(const std::string& name, const std::vector<std::string>& arguments);

private:
    struct Shown {
        BranchRow row;
        std::string url;
    };

    BranchName read_name(const std::string& text);
    const ConnectorRef& connector();
    // `own_bytes`: BranchApi::one
    Shown show(const Asked& asked, bool own_bytes = false);
    Shown show_named(const std::string& name, bool own_bytes = false);
    Shown show_current(bool own_bytes = false);
    Shown show_created(const Asked& asked);
    bool remember(const BranchRow& row);
    Operation start_create(const CreateRequest& request, const Waiting& waiting, Deadline deadline);
    void print_for_programs(const Shown& shown, const BranchView& view, BranchOutput output);
    void print_accepted(const BranchCreateOptions& options, const Operation& operation,
                        const CreateRequest& request);
    void remember_delete(const BranchRow& row, const Operation& operation);
    void forget(const std::string& connector_id, const std::string& branch_id,
                const std::string& name);
    void finish_delete(const std::string& connector_id, const std::string& name);

    Api& m_api;
    BranchApi m_branches;
    const Variables& m_environment;
    std::string m_connector;
    std::optional<ConnectorRef> m_chosen;  // once it was asked for
    Selections m_selected;
    std::ostream& m_out;
    std::ostream& m_notes;
};

}  // namespace ardent::cli
