// SPDX-License-Identifier: PostgreSQL
#include "cli/settings_commands.hpp"

#include <iostream>

namespace ardent::cli {

SettingsCommands::SettingsCommands(CLI::App& app, const Variables& environment, Run run)
    : m_environment(environment), m_run(std::move(run)) {
    CLI::App& settings =
        *app.add_subcommand("settings", "What the branches of a connector are made with");
    settings.require_subcommand(1);
    settings.fallthrough();
    add_verb(settings, "list", "The settings of a connector", [](Settings& all) { all.list(); });
    add_set(settings);
    CLI::App& remove = add_verb(settings, "remove", "Take a setting away",
                                [this](Settings& all) { all.remove(m_change.key, m_change.hook); });
    remove.add_option("key", m_change.key, "default_db, branch_sql or branch_role")->required();
    remove.add_option("--hook", m_change.hook, "Which script of branch_sql");
}

CLI::App& SettingsCommands::add_verb(CLI::App& settings, const std::string& name,
                                     const std::string& help, std::function<void(Settings&)> work) {
    CLI::App& verb = *settings.add_subcommand(name, help);
    verb.add_option("--connector", m_connector, "Name or id; default: the selected one");
    verb.callback([this, work = std::move(work)] {
        m_run([this, work](Api& api) {
            Settings all(api, m_environment, m_connector, std::cout);
            work(all);
        });
    });
    return verb;
}

void SettingsCommands::add_set(CLI::App& settings) {
    CLI::App& set =
        add_verb(settings, "set", "Change a setting", [this](Settings& all) { all.set(m_change); });
    set.add_option("key", m_change.key, "default_db, branch_sql or branch_role")->required();
    set.add_option("value", m_change.value, "The value; SQL of branch_sql, or @file")->required();
    set.add_option("--hook", m_change.hook, "Name of this script of branch_sql, of several");
    set.add_option("--order", m_change.order, "Scripts run in this order, lower first; default 0");
    CLI::Option* const database =
        set.add_option("--database", m_change.database, "Where the script runs");
    set.add_flag("--no-database", m_change.no_database, "In the source's database again")
        ->excludes(database);
    CLI::Option* const role = set.add_option("--run-as", m_change.run_as, "Role that it runs as");
    set.add_flag("--no-run-as", m_change.no_run_as, "As the branch's own role again")
        ->excludes(role);
}

}  // namespace ardent::cli
