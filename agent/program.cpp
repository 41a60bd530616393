// SPDX-License-Identifier: PostgreSQL
#include "agent/program.hpp"

#include "agent/check/check.hpp"
#include "agent/config/settings.hpp"
#include "agent/service.hpp"
#include "common/base/error.hpp"
#include "common/base/version.hpp"
#include "common/process/log.hpp"

#include <CLI/CLI.hpp>

#include <deque>
#include <iostream>

namespace ardent::agent {

namespace {

constexpr const char* k_default_file = "/etc/ardent/agent.toml";

struct CommandLine {
    std::string file;
    std::deque<std::pair<std::string, std::string>> flags;  // option key, value; addresses stay
    bool example = false;
};

std::string flag_of(std::string_view key) {
    std::string flag = "--";
    for (const char c : key) {
        flag += c == '.' || c == '_' ? '-' : c;
    }
    return flag;
}

/// --config and one flag for each option.
void add_settings(CLI::App& verb, CommandLine& line) {
    verb.add_option("--config,-c", line.file,
                    std::string("Configuration file; ") + k_default_file + " when it is there");
    for (const config::Option& option : options()) {
        auto& [key, value] = line.flags.emplace_back(std::string(option.key), "");
        verb.add_option(flag_of(option.key), value, std::string(option.help))->group("Settings");
    }
}

Settings load_settings(const CommandLine& line) {
    config::Inputs inputs;
    inputs.environment = config::process_environment();
    if (!line.file.empty()) {
        inputs.file = line.file;
    } else if (const auto from = inputs.environment.find("ARDENT_AGENT_CONFIG");
               from != inputs.environment.end() && !from->second.empty()) {
        inputs.file = from->second;
    } else if (std::ifstream(k_default_file).good()) {
        inputs.file = k_default_file;
    }
    for (const auto& [key, value] : line.flags) {
        if (!value.empty()) {
            inputs.flags.emplace(key, value);
        }
    }
    Settings settings = read_settings(config::load(options(), inputs));
    process::set_log_level(settings.log_level);
    return settings;
}

int parse_and_run(int argc, char** argv) {
    CLI::App app("Streams a PostgreSQL database's logical slot to an Ardent environment.",
                 "ardent-agent");
    CommandLine line;
    CommandLine check_line;
    CLI::App& run_verb =
        *app.add_subcommand("run", "Stream in the foreground until a signal comes (default)");
    CLI::App& check_verb =
        *app.add_subcommand("check", "Look at everything that run needs; change nothing");
    CLI::App& version_verb = *app.add_subcommand("version", "Print the version");
    CLI::App& config_verb = *app.add_subcommand("config", "About the configuration file");
    config_verb.add_flag("--example", line.example, "Print a commented example")->required();
    app.require_subcommand(0, 1);
    add_settings(app, line);
    add_settings(run_verb, line);
    add_settings(check_verb, check_line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? k_exit_clean : k_exit_config;
    }
    if (version_verb.parsed()) {
        std::cout << "ardent-agent " << base::version() << "\n";
        return k_exit_clean;
    }
    if (config_verb.parsed()) {
        std::cout << config::example_file(options());
        return k_exit_clean;
    }
    return check_verb.parsed() ? check(load_settings(check_line))
                               : Service(load_settings(line)).run();
}

}  // namespace

int program(int argc, char** argv) noexcept {
    try {
        return parse_and_run(argc, argv);
    } catch (const base::Error& e) {
        std::cerr << "ardent-agent: " << e.what() << "\n";
        if (!e.hint().empty()) {
            std::cerr << e.hint() << "\n";
        }
        return e.kind() == base::ErrorKind::config ? k_exit_config : k_exit_bug;
    } catch (const std::exception& e) {
        std::cerr << "ardent-agent: " << e.what() << "\n";
        return k_exit_bug;
    }
}

}  // namespace ardent::agent
