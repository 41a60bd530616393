// SPDX-License-Identifier: PostgreSQL
// ardent-environment: the command line. Verbs: init, serve, version, config.
#include "common/base/error.hpp"
#include "common/base/version.hpp"
#include "common/config/config.hpp"
#include "common/process/dumps.hpp"
#include "common/process/output.hpp"
#include "environment/config/settings.hpp"
#include "environment/serve/environment.hpp"
#include "environment/state/secrets.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>

namespace {

using namespace ardent;

constexpr int k_exit_usage = 2;
constexpr const char* k_default_file = "/etc/ardent/environment.toml";

struct Arguments {
    std::string file;
    std::map<std::string, std::string> flags;
    bool delivered_only = false;
};

std::string flag_name(std::string_view key) {
    std::string name = "--" + std::string(key);
    for (char& c : name) {
        c = c == '.' || c == '_' ? '-' : c;
    }
    return name;
}

void add_options(CLI::App& verb, Arguments& arguments) {
    verb.add_option(
        "--config", arguments.file,
        std::string("configuration file; default ") + k_default_file + " when it exists");
    for (const config::Option& option : environment::options()) {
        const std::string key(option.key);
        verb.add_option_function<std::string>(
            flag_name(key),
            [&arguments, key](const std::string& value) { arguments.flags[key] = value; },
            std::string(option.help));
    }
}

environment::Settings settings_of(const Arguments& arguments) {
    config::Inputs inputs;
    if (!arguments.file.empty()) {
        inputs.file = arguments.file;
    } else if (CLI::ExistingFile(k_default_file).empty()) {
        inputs.file = k_default_file;
    }
    inputs.environment = config::process_environment();
    inputs.flags = arguments.flags;
    environment::Settings settings =
        environment::read_settings(config::load(environment::options(), inputs));
    settings.delivered_only = arguments.delivered_only;
    return settings;
}

int run_serve(const Arguments& arguments) {
    const char* const benchmark = std::getenv("ARDENT_BENCHMARK");
    if (arguments.delivered_only && (benchmark == nullptr || std::string_view(benchmark) != "1")) {
        throw base::Error(
            base::ErrorKind::config,
            "--benchmark-delivered-only throws the changes away and runs in the benchmark only",
            "Leave it out: a replica that was fed this way is worthless.");
    }
    environment::refuse_root();
    return environment::serve(environment::proven(settings_of(arguments)));
}

int run(int argc, char** argv) {
    CLI::App app("Ardent environment: keeps replicas of PostgreSQL databases and serves the API");
    app.require_subcommand(1);
    Arguments arguments;
    CLI::App* const init =
        app.add_subcommand("init", "create the data directory, print an admin API key");
    CLI::App* const serve = app.add_subcommand("serve", "run until SIGTERM");
    CLI::App* const version = app.add_subcommand("version", "print the version");
    CLI::App* const show = app.add_subcommand("config", "about the configuration file");
    bool example = false;
    show->add_flag("--example", example, "print a commented example")->required();
    add_options(*init, arguments);
    add_options(*serve, arguments);
    serve->add_flag("--benchmark-delivered-only", arguments.delivered_only,
                    "commit the progress only (ARDENT_BENCHMARK=1)");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : k_exit_usage;
    }
    if (version->parsed()) {
        std::cout << "ardent-environment " << base::version() << "\n";
        return 0;
    }
    if (show->parsed()) {
        std::cout << config::example_file(environment::options());
        return 0;
    }
    environment::init_secrets();
    if (!init->parsed()) {
        return run_serve(arguments);
    }
    environment::refuse_root();
    return environment::init(environment::proven(settings_of(arguments)));
}

}  // namespace

int main(int argc, char** argv) {
    process::refuse_dumps();
    const process::PrintableOutput output;
    try {
        return run(argc, argv);
    } catch (const base::Error& error) {
        std::cerr << "ardent-environment: " << error.what() << "\n";
        if (!error.hint().empty()) {
            std::cerr << "  " << error.hint() << "\n";
        }
        return error.kind() == base::ErrorKind::config ? k_exit_usage : 1;
    } catch (const std::exception& error) {
        std::cerr << "ardent-environment: " << error.what() << "\n";
        return 1;
    }
}
