// SPDX-License-Identifier: PostgreSQL
// The verbs of `ardent branch` and their options, for main.cpp's list.
#pragma once

#include "cli/branch.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace ardent::cli {

/// What the options of all branch verbs are read into. Lives as long as the CLI::App.
class BranchCommands {
public:
    /// `run` is given what the chosen verb does; it opens the API and calls it.
    using Work = std::function<void(Api&)>;
    using Run = std::function<void(Work)>;

    BranchCommands(CLI::App& app, const Variables& environment, Run run);
    ~BranchCommands() = default;
    BranchCommands(const BranchCommands&) = delete;
    BranchCommands& operator=(const BranchCommands&) = delete;

    /// What follows `--` after `branch psql` is psql's, letter for letter, and not for the parser.
    /// How many words remain.
    int take_psql_arguments(int argc, char** argv);

    /// Errors are objects on stdout, as --format json says.
    bool json_errors() const noexcept { return m_format == "json"; }

private:
    CLI::App& add_verb(CLI::App& branch, const std::string& name, const std::string& help,
                       std::function<void(Branches&)> work);
    void add_name(CLI::App& verb);
    void add_output(CLI::App& verb);
    void add_create(CLI::App& branch);
    void add_views(CLI::App& branch);
    void add_changes(CLI::App& branch);
    void check_create() const;
    BranchOutput output() const;

    const Variables& m_environment;
    Run m_run;
    BranchCreateOptions m_create;
    BranchUpdateOptions m_update;
    std::string m_name;
    std::string m_connector;
    std::string m_service = "postgres";
    std::string m_url_type = "direct";
    std::string m_format;
    std::vector<std::string> m_arguments;
    bool m_print_url = false;
    bool m_no_wait = false;
    bool m_protect = false;
    bool m_no_protect = false;
};

}  // namespace ardent::cli
