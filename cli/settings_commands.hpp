// SPDX-License-Identifier: PostgreSQL
// The verbs of `ardent settings` and their options, for main.cpp's list.
#pragma once

#include "cli/settings.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace ardent::cli {

/// What the options of all settings verbs are read into. Lives as long as the CLI::App.
class SettingsCommands {
public:
    /// `run` is given what the chosen verb does; it opens the API and calls it.
    using Work = std::function<void(Api&)>;
    using Run = std::function<void(Work)>;

    SettingsCommands(CLI::App& app, const Variables& environment, Run run);
    ~SettingsCommands() = default;
    SettingsCommands(const SettingsCommands&) = delete;
    SettingsCommands& operator=(const SettingsCommands&) = delete;

private:
    CLI::App& add_verb(CLI::App& settings, const std::string& name, const std::string& help,
                       std::function<void(Settings&)> work);
    void add_set(CLI::App& settings);

    const Variables& m_environment;
    Run m_run;
    SettingChange m_change;
    std::string m_connector;
};

}  // namespace ardent::cli
