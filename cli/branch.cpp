// SPDX-License-Identifier: PostgreSQL
#include "cli/branch.hpp"

#include "cli/branch_authority.hpp"
#include "cli/failure.hpp"
#include "cli/psql.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using SteadyClock = std::chrono::steady_clock;

namespace {

std::string seconds_since(SteadyClock::time_point began) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1fs",
                  std::chrono::duration<double>(SteadyClock::now() - began).count());
    return text;
}

std::string support_text(const Operation& operation) {
    return operation.id.empty()
               ? ""
               : " If you contact Ardent support, reference operation id " + operation.id + ".";
}

Failure timed_out(const std::string& what, const std::string& advice, const Waiting& waiting,
                  const Operation& operation) {
    return Failure("timeout", what + " did not complete within " + patience_text(waiting.longest) +
                                  ". It may still be running server-side" + advice +
                                  support_text(operation));
}

Failure create_timed_out(const Waiting& waiting, const Operation& operation) {
    return timed_out("Branch creation",
                     " — do NOT assume it failed. Re-run the same command to resume, or check "
                     "`ardent branch list`.",
                     waiting, operation);
}

}  // namespace

Branches::Branches(Api& api, const Variables& environment, std::string connector, std::ostream& out,
                   std::ostream& notes)
    : m_api(api),
      m_branches(api),
      m_environment(environment),
      m_connector(std::move(connector)),
      m_selected(selections_at(read_config(environment), api.url())),
      m_out(out),
      m_notes(notes) {}

BranchName Branches::read_name(const std::string& text) {
    BranchName name = read_branch_name(text);
    if (name.mapped()) {
        m_notes << "Branch '" << name.requested << "' is called '" << name.name << "' here\n";
    }
    return name;
}

const ConnectorRef& Branches::connector() {
    if (!m_chosen) {
        m_chosen = choose_connector(list_connector_refs(m_api), m_connector, m_selected);
    }
    return *m_chosen;
}

Branches::Shown Branches::show(const Asked& asked, bool own_bytes) {
    BranchRow row = m_branches.one(asked, own_bytes);
    std::string url = with_authority(m_api, m_environment, usable_url(row));
    if (row.warning) {
        m_notes << "⚠ " << base::one_line(row.warning->message) << '\n';
    }
    return {std::move(row), std::move(url)};
}

Branches::Shown Branches::show_named(const std::string& text, bool own_bytes) {
    const BranchName name = read_name(text);
    const std::string connector_id = connector().id;
    const BranchRow row = m_branches.named(connector_id, name);
    return show({connector_id, row.id, row.name, row.requested_name}, own_bytes);
}

Branches::Shown Branches::show_current(bool own_bytes) {
    if (!m_connector.empty()) {
        throw usage_failure("--connector needs the name of a branch",
                            "Name it: ardent branch info <name> --connector <connector>");
    }
    if (m_selected.branch.id.empty()) {
        throw Failure("no_current_branch", "no branch is checked out",
                      "Name one, or check one out: ardent branch switch <name>");
    }
    return show({m_selected.connector.id, m_selected.branch.id, m_selected.branch.name, ""},
                own_bytes);
}

/// The branch is there; that it cannot be shown must not look like a failed create.
Branches::Shown Branches::show_created(const Asked& asked) {
    try {
        return show(asked);
    } catch (const ApiRefusal& refusal) {
        throw Failure("create_succeeded_but_details_missing",
                      "branch '" + asked.name +
                          "' was created, but the environment refuses to "
                          "describe it: " +
                          refusal.what(),
                      "Ask again: ardent branch info " + asked.name);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::transient) {
            throw;
        }
        throw Failure("create_succeeded_but_details_missing",
                      "branch '" + asked.name +
                          "' was created, but its details could not be "
                          "fetched: " +
                          error.what(),
                      "Ask again: ardent branch info " + asked.name);
    }
}

/// False, with a note, when it cannot be written: the branch itself is none the worse.
bool Branches::remember(const BranchRow& row) {
    try {
        change_config(m_environment, [&](Config& config) {
            config.selections = selections_at(config, m_api.url());
            check_out(config.selections, connector(), {row.id, row.name});
        });
        return true;
    } catch (const Error& error) {
        m_notes << "⚠ '" << row.name
                << "' is not remembered as the current branch: " << error.what() << '\n';
        return false;
    }
}

void Branches::print_accepted(const BranchCreateOptions& options, const Operation& operation,
                              const CreateRequest& request) {
    if (options.output == BranchOutput::json) {
        BranchRow row;
        row.id = operation.resource_id;
        row.name = request.name.name;
        row.requested_name = request.name.requested;
        row.connector_id = request.connector_id;
        row.service_type = "postgres";
        row.status = "creating";
        m_out << branch_json(row, BranchView{"", false, true, operation.id});
        return;
    }
    m_out << "Branch '" << request.name.name << "' is being created (operation " << operation.id
          << ")\n";
    m_notes << "→ Wait for it: ardent branch create " << request.name.name << '\n';
}

Operation Branches::start_create(const CreateRequest& request, const Waiting& waiting,
                                 Deadline deadline) {
    try {
        return m_branches.create(request, deadline);
    } catch (const Error& error) {
        const auto* const refusal = dynamic_cast<const ApiRefusal*>(&error);
        const bool unknown = error.kind() == ErrorKind::transient ||
                             (refusal != nullptr && refusal->answer().code == "in_flight");
        if (unknown && SteadyClock::now() >= deadline) {
            throw create_timed_out(waiting, {});
        }
        throw;
    }
}

void Branches::create(const BranchCreateOptions& options) {
    const auto began = SteadyClock::now();
    CreateRequest request;
    request.name = read_name(options.name);
    const Waiting waiting = create_waiting(m_environment, options.timeout);
    if (!options.ttl.empty()) {
        request.ttl = read_time("--ttl", options.ttl);
    }
    request.protect = options.protect;
    request.allow_stale = options.allow_stale;
    request.connector_id = connector().id;
    const auto deadline = began + waiting.longest;
    const Operation operation = start_create(request, waiting, deadline);
    if (!operation.id.empty() && !options.wait) {
        print_accepted(options, operation, request);
        return;
    }
    if (!operation.id.empty() &&
        !m_branches.wait(operation, "branch '" + request.name.name + "' was not created", waiting,
                         deadline)) {
        throw create_timed_out(waiting, operation);
    }
    const Shown shown = show_created(
        {request.connector_id, operation.resource_id, request.name.name, request.name.requested});
    const bool current = remember(shown.row);
    if (options.output == BranchOutput::text) {
        m_out << "✓ Branch '" << shown.row.name << "' "
              << (operation.created ? "created and checked out in " + seconds_since(began)
                                    : "is there already and is checked out")
              << "\n\n"
              << shown.url << '\n';
    } else {
        print_for_programs(shown, BranchView{shown.url, current, operation.created},
                           options.output);
    }
}

void Branches::print_for_programs(const Shown& shown, const BranchView& view, BranchOutput output) {
    if (output == BranchOutput::json) {
        m_out << branch_json(shown.row, view);
    } else {
        m_out << shown.url << '\n';
    }
}

void Branches::list(bool json) {
    const std::vector<BranchRow> rows = m_branches.list(connector().id);
    if (json) {
        m_out << list_json(rows, m_selected.branch.id);
    } else {
        print_list(rows, m_selected.branch.id, Clock::now(), m_out);
    }
}

void Branches::info(const std::string& name, BranchOutput output) {
    const Shown shown = name.empty() ? show_current(true) : show_named(name, true);
    const BranchView view{shown.url, shown.row.id == m_selected.branch.id};
    if (output == BranchOutput::text) {
        print_info(shown.row, view, m_out);
    } else {
        print_for_programs(shown, view, output);
    }
}

void Branches::switch_to(const std::string& name) {
    const Shown shown = show_named(name);
    if (!remember(shown.row)) {
        throw Failure("api_error", "nothing was switched",
                      "Mend what keeps it from being remembered, and run the same command again");
    }
    m_out << switched_text(m_selected.branch.name, shown.row.name) << '\n' << shown.url << '\n';
}

void Branches::reset(const std::string& text, const std::string& timeout) {
    const auto began = SteadyClock::now();
    const BranchName name = read_name(text);
    const Waiting waiting = create_waiting(m_environment, timeout);
    const BranchRow row = m_branches.named(connector().id, name);
    const Operation operation = m_branches.act(row, "reset");
    if (!m_branches.wait(operation, "branch '" + row.name + "' was not reset", waiting,
                         began + waiting.longest)) {
        throw timed_out("Branch reset", ". Re-run the same command to resume.", waiting, operation);
    }
    const Shown shown = show({row.connector_id, row.id, row.name, row.requested_name});
    m_out << "✓ Branch '" << row.name << "' reset to the newest data in " << seconds_since(began)
          << "\n\n"
          << shown.url << '\n';
}

void Branches::set_state(const std::string& text, const std::string& verb) {
    const BranchName name = read_name(text);
    const Waiting waiting = create_waiting(m_environment, "");
    const auto deadline = SteadyClock::now() + waiting.longest;
    const BranchRow row = m_branches.named(connector().id, name);
    const Operation operation = m_branches.act(row, verb);
    const std::string done = verb == "resume" ? "resumed" : "suspended";
    if (!m_branches.wait(operation, "branch '" + row.name + "' was not " + done, waiting,
                         deadline)) {
        throw timed_out("Branch " + verb, ". Re-run the same command to resume.", waiting,
                        operation);
    }
    m_out << "✓ Branch '" << row.name << "' " << done << '\n';
}

void Branches::update(const std::string& text, const BranchUpdateOptions& options) {
    const BranchName name = read_name(text);
    BranchApi::Change change;
    if (!options.ttl.empty()) {
        change.ttl = read_time("--ttl", options.ttl);
    }
    change.is_protected = options.is_protected;
    if (options.suspend_after == "default") {
        change.suspend_after.emplace();
    } else if (!options.suspend_after.empty()) {
        change.suspend_after = read_time("--suspend-after", options.suspend_after);
    }
    if (!change.ttl && !change.is_protected && !change.suspend_after) {
        throw usage_failure("there is nothing to change",
                            "Give --ttl, --protect, --no-protect or --suspend-after.");
    }
    const BranchRow now = m_branches.update(m_branches.named(connector().id, name), change);
    m_out << "✓ Branch '" << now.name << "' updated\n"
          << "  Expires: "
          << (now.expires_at ? local_time(base::one_line(*now.expires_at)) : "never")
          << (now.is_protected.value_or(false) ? ", protected" : "") << '\n';
    if (change.suspend_after) {
        m_out << "  Suspended after: "
              << (now.suspend_after ? std::to_string(*now.suspend_after) + " s" : "never") << '\n';
    }
}

void Branches::psql(const std::string& name, const std::vector<std::string>& arguments) {
    run_psql(show_named(name).url, arguments, m_environment);
}

}  // namespace ardent::cli
