// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_commands.hpp"

#include "cli/failure.hpp"

#include <iostream>

namespace ardent::cli {

BranchCommands::BranchCommands(CLI::App& app, const Variables& environment, Run run)
    : m_environment(environment), m_run(std::move(run)) {
    CLI::App& branch = *app.add_subcommand("branch", "Isolated copies of a replica, with a URL");
    branch.require_subcommand(1);
    branch.fallthrough();
    add_create(branch);
    add_views(branch);
    add_changes(branch);
}

int BranchCommands::take_psql_arguments(int argc, char** argv) {
    bool branch = false;
    bool psql = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--" && branch && psql) {
            m_arguments.assign(argv + i + 1, argv + argc);
            return i;
        }
        branch = branch || word == "branch";
        psql = psql || word == "psql";
    }
    return argc;
}

CLI::App& BranchCommands::add_verb(CLI::App& branch, const std::string& name,
                                   const std::string& help, std::function<void(Branches&)> work) {
    CLI::App& verb = *branch.add_subcommand(name, help);
    verb.add_option("--connector", m_connector, "Name or id; default: the selected one");
    verb.callback([this, name, work = std::move(work)] {
        m_run([this, name, work](Api& api) {
            if (!m_arguments.empty() && name != "psql") {
                throw usage_failure("words after -- are for psql",
                                    "Leave them out, or say: ardent branch psql <name> -- ...");
            }
            Branches branches(api, m_environment, m_connector, std::cout, std::cerr);
            work(branches);
        });
    });
    return verb;
}

void BranchCommands::add_name(CLI::App& verb) {
    verb.add_option("name", m_name, "Name of the branch")->required();
}

void BranchCommands::add_output(CLI::App& verb) {
    CLI::Option* const url = verb.add_flag("--print-url", m_print_url, "The URL, and nothing else");
    verb.add_option("--format", m_format, "json")->check(CLI::IsMember({"json"}))->excludes(url);
}

BranchOutput BranchCommands::output() const {
    if (m_format == "json") {
        return BranchOutput::json;
    }
    return m_print_url ? BranchOutput::url : BranchOutput::text;
}

void BranchCommands::check_create() const {
    if (m_url_type != "direct") {
        throw Failure("api_error", "there is no pooler yet, so there is no " + m_url_type + " URL",
                      "Leave --url-type out: the direct URL works with every client.");
    }
}

void BranchCommands::add_create(CLI::App& branch) {
    CLI::App& verb = add_verb(branch, "create", "A branch of the newest data, checked out",
                              [this](Branches& branches) {
                                  check_create();
                                  m_create.name = m_name;
                                  m_create.output = output();
                                  m_create.wait = !m_no_wait;
                                  branches.create(m_create);
                              });
    add_name(verb);
    add_output(verb);
    verb.add_option("-s,--service", m_service, "postgres")->check(CLI::IsMember({"postgres"}));
    CLI::Option* const format = verb.get_option("--format");
    verb.add_option("--url-type", m_url_type, "direct, pooled or prisma; default direct")
        ->check(CLI::IsMember({"direct", "pooled", "prisma"}))
        ->excludes(format);
    verb.add_option("--ttl", m_create.ttl, "Deleted after this time: 12h, 7d, never");
    verb.add_flag("--protect", m_create.protect, "Not deleted, by nobody and by no ttl");
    verb.add_flag("--allow-stale", m_create.allow_stale,
                  "Cut from what is there, also while the connector does not stream");
    CLI::Option* const timeout =
        verb.add_option("--timeout", m_create.timeout, "How long to wait: 30s, 10min");
    verb.add_flag("--no-wait", m_no_wait, "Return when the environment has taken it on")
        ->excludes(timeout)
        ->excludes(verb.get_option("--print-url"));
}

void BranchCommands::add_views(CLI::App& branch) {
    CLI::App& list = add_verb(branch, "list", "The branches of a connector",
                              [this](Branches& branches) { branches.list(m_format == "json"); });
    list.add_option("--format", m_format, "json")->check(CLI::IsMember({"json"}));
    CLI::App& info = add_verb(branch, "info", "One branch and its URL",
                              [this](Branches& branches) { branches.info(m_name, output()); });
    // An empty name is a script's mistake, not the current branch.
    info.add_option("name", m_name, "Name of the branch; default: the current one")
        ->check(CLI::Validator(
            [](const std::string& name) {
                return name.empty() ? std::string("the name is empty") : std::string();
            },
            "", "not empty"));
    add_output(info);
    add_name(add_verb(branch, "switch", "Make a branch the current one",
                      [this](Branches& branches) { branches.switch_to(m_name); }));
    add_name(add_verb(branch, "psql", "psql in a branch: ardent branch psql NAME -- -c ...",
                      [this](Branches& branches) { branches.psql(m_name, m_arguments); }));
}

void BranchCommands::add_changes(CLI::App& branch) {
    add_name(add_verb(branch, "delete", "Delete a branch",
                      [this](Branches& branches) { branches.remove(m_name); }));
    CLI::App& reset =
        add_verb(branch, "reset", "The newest data, at the same URL",
                 [this](Branches& branches) { branches.reset(m_name, m_create.timeout); });
    add_name(reset);
    reset.add_option("--timeout", m_create.timeout, "How long to wait: 30s, 10min");
    CLI::App& update =
        add_verb(branch, "update", "Change when a branch may go", [this](Branches& branches) {
            if (m_protect || m_no_protect) {
                m_update.is_protected = m_protect;
            }
            branches.update(m_name, m_update);
        });
    add_name(update);
    update.add_option("--ttl", m_update.ttl, "Deleted after this time: 12h, 7d, never");
    update.add_option(
        "--suspend-after", m_update.suspend_after,
        "Its server is stopped after this time without a client: 10min, never, default");
    CLI::Option* const protect =
        update.add_flag("--protect", m_protect, "Not deleted, by nobody and by no ttl");
    update.add_flag("--no-protect", m_no_protect, "May be deleted again")->excludes(protect);
    for (const std::string verb : {"suspend", "resume"}) {
        add_name(add_verb(branch, verb,
                          verb == "resume" ? "Start a branch's server before somebody connects"
                                           : "Stop a branch's server; it starts on connect",
                          [this, verb](Branches& branches) { branches.set_state(m_name, verb); }));
    }
}

}  // namespace ardent::cli
