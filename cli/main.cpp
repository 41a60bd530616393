// SPDX-License-Identifier: PostgreSQL
#include "cli/api.hpp"
#include "cli/branch_commands.hpp"
#include "cli/connector.hpp"
#include "cli/failure.hpp"
#include "cli/preflight.hpp"
#include "cli/selection.hpp"
#include "cli/session.hpp"
#include "cli/settings_commands.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/config/config.hpp"
#include "common/http/client.hpp"
#include "common/preflight/preflight.hpp"
#include "common/process/dumps.hpp"
#include "common/process/output.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>

namespace {

using namespace ardent;

constexpr int k_exit_runtime = 1;
constexpr int k_exit_usage = 2;

class Program {
public:
    Program() {
        m_app.require_subcommand(1);
        m_app.set_version_flag("--version", std::string("ardent ") + base::version());
        m_app.add_option("--api-url", m_api.url, "The environment; default ARDENT_API_URL");
        m_app.add_option("--token-file", m_api.token_file,
                         "File with the token; default ARDENT_TOKEN");
        m_app.add_option("--ca-file", m_api.ca_file, "PEM file of the authority to trust");
        m_app.fallthrough();
        add_session();
        CLI::App& connector = *m_app.add_subcommand("connector", "Sources and their replicas");
        connector.require_subcommand(1);
        connector.fallthrough();
        add_preflight(connector);
        add_create(connector);
        add_named(connector);
        add_switch(connector);
    }

    int run(int argc, char** argv) {
        try {
            m_app.parse(m_branches.take_psql_arguments(argc, argv), argv);
        } catch (const CLI::ParseError& e) {
            return m_app.exit(e) == 0 ? 0 : k_exit_usage;
        }
        try {
            return m_run();
        } catch (const base::Error& error) {
            if (!m_branches.json_errors()) {
                throw;
            }
            std::cout << cli::error_json(error);
            return cli::exit_code_of(error);
        }
    }

private:
    cli::Api api() { return cli::Api(cli::find_login(m_api, m_environment)); }

    void add_session() {
        CLI::App& login = *m_app.add_subcommand("login", "Remember the environment and its token");
        login.add_option("--url", m_api.url, "The environment, as --api-url");
        login
            .add_option("--token", m_api.token,
                        "The token itself; others may see it in the process list")
            ->excludes(m_app.get_option("--token-file"));
        login.callback([this] {
            m_run = [this] {
                cli::log_in(m_api, m_environment, std::cout, std::cerr);
                return 0;
            };
        });
        m_app.add_subcommand("logout", "Forget the token and everything selected")
            ->callback([this] {
                m_run = [this] {
                    cli::log_out(m_environment, std::cout);
                    return 0;
                };
            });
        m_app.add_subcommand("status", "Who, where, what is selected, the connectors")
            ->callback([this] {
                m_run = [this] {
                    cli::show_status(m_api, m_environment, std::cout);
                    return 0;
                };
            });
    }

    void add_switch(CLI::App& connector) {
        CLI::App& verb = *connector.add_subcommand("switch", "Select the connector to branch from");
        verb.add_option("name", m_name, "Name or id")->required();
        verb.callback([this] {
            with_api([this](cli::Api& client) {
                cli::switch_connector(client, m_name, m_environment, std::cout);
            });
        });
    }

    void add_preflight(CLI::App& connector) {
        CLI::App& verb = *connector.add_subcommand("preflight", "Can this source be connected?");
        verb.add_option("type", m_type, "postgresql")
            ->required()
            ->check(CLI::IsMember({"postgresql"}));
        verb.add_option("url", m_preflight.url, "'postgresql://user:password@host:port/database'")
            ->required();
        verb.add_option("--schemas", m_preflight.schemas, "Comma list; default public");
        verb.add_option("--role", m_preflight.role,
                        "The replication role; default ardent_replication");
        verb.add_option("--accept", m_preflight.accept, "Accepted findings: JSON, or @file");
        verb.add_option("--replica-identity-decisions", m_preflight.decisions_file,
                        "JSON file: table -> exclude, add_pk or replica_identity_full");
        verb.add_option("--provider", m_preflight.provider,
                        "Who runs the server (rds, vanilla, ...), when what is detected is wrong");
        verb.add_flag("--probe-slot", m_preflight.probe_slot,
                      "Create a temporary slot to prove wal2json, and drop it");
        verb.add_flag("--full-grants", m_preflight.full_grants,
                      "The grant script with everything, not only what is missing");
        verb.add_flag("--json", m_preflight.json, "The report as JSON");
        verb.add_flag("--verbose", m_preflight.verbose, "Every check, also those that passed");
        verb.callback(
            [this] { m_run = [this] { return cli::preflight(m_preflight, std::cout); }; });
    }

    void add_create(CLI::App& connector) {
        CLI::App& verb = *connector.add_subcommand("create", "A connector and its agent token");
        verb.add_option("name", m_create.name, "Unique name of the connector")->required();
        verb.add_flag("--sidecar", m_sidecar, "An agent beside the source dials out")->required();
        verb.add_option("--schemas", m_schemas, "Comma list; default public");
        verb.add_option("--drop-extensions", m_extensions,
                        "Extensions of the source that the replica does not get: a,b");
        verb.add_flag("--json", m_create.json, "The answer as JSON");
        verb.callback([this] {
            m_run = [this] {
                m_create.schemas = preflight::parse_schema_list(m_schemas);
                m_create.drop_extensions = names_of(m_extensions);
                cli::Api client = api();
                cli::create_connector(client, m_create, std::cout);
                return 0;
            };
        });
    }

    void add_named(CLI::App& connector) {
        CLI::App& list = *connector.add_subcommand("list", "All connectors");
        list.add_flag("--json", m_json, "As JSON");
        list.callback([this] {
            with_api([this](cli::Api& client) { cli::list_connectors(client, m_json, std::cout); });
        });
        CLI::App& status =
            *connector.add_subcommand("status", "Health and progress of one connector");
        status.add_option("name", m_name, "Name or id")->required();
        status.add_flag("--json", m_json, "As JSON");
        status.callback([this] {
            with_api([this](cli::Api& client) {
                cli::show_connector(client, m_name, m_json, std::cout);
            });
        });
        CLI::App& update = *connector.add_subcommand("update", "Change a setting of a connector");
        update.add_option("name", m_name, "Name or id")->required();
        update
            .add_option("--drop-extensions", m_extensions,
                        "Extensions of the source that the replica does not get: a,b; '' for none")
            ->required();
        update.callback([this] {
            with_api([this](cli::Api& client) {
                cli::update_connector(client, m_name, names_of(m_extensions), std::cout);
            });
        });
        CLI::App& retry =
            *connector.add_subcommand("retry-setup", "Go on after the cause is mended");
        retry.add_option("name", m_name, "Name or id")->required();
        retry.add_flag("--resync", m_resync, "Throw the replica away and copy anew");
        retry.add_option("--skip-ddl", m_skip_ddl,
                         "Leave out the one DDL statement of the source at this LSN");
        retry.callback([this] {
            with_api([this](cli::Api& client) {
                cli::retry_setup(client, m_name, m_resync, m_skip_ddl, std::cout);
            });
        });
        CLI::App& remove =
            *connector.add_subcommand("delete", "Remove a connector and its replica");
        remove.add_option("name", m_name, "Name or id")->required();
        remove.callback([this] {
            with_api(
                [this](cli::Api& client) { cli::delete_connector(client, m_name, std::cout); });
        });
    }

    static std::vector<std::string> names_of(const std::string& list) {
        std::vector<std::string> names;
        for (const std::string& part : base::split(list, ',')) {
            if (std::string name(base::trim(part)); !name.empty()) {
                names.push_back(std::move(name));
            }
        }
        return names;
    }

    void with_api(std::function<void(cli::Api&)> work) {
        m_run = [this, work = std::move(work)] {
            cli::Api client = api();
            work(client);
            return 0;
        };
    }

    CLI::App m_app{"Ardent: disposable, production-like branches of PostgreSQL", "ardent"};
    std::map<std::string, std::string> m_environment = config::process_environment();
    cli::ApiOptions m_api;
    cli::PreflightOptions m_preflight;
    cli::CreateOptions m_create;
    std::string m_schemas = "public";
    std::string m_extensions;
    std::string m_type;
    std::string m_name;
    bool m_sidecar = false;
    bool m_json = false;
    bool m_resync = false;
    std::string m_skip_ddl;
    std::function<int()> m_run;
    cli::BranchCommands m_branches{
        m_app, m_environment,
        [this](std::function<void(cli::Api&)> work) { with_api(std::move(work)); }};
    cli::SettingsCommands m_settings{
        m_app, m_environment,
        [this](std::function<void(cli::Api&)> work) { with_api(std::move(work)); }};
};

int report(const base::Error& error) {
    std::cerr << "✗ " << error.what() << '\n';
    if (!error.hint().empty()) {
        std::cerr << "  → " << error.hint() << '\n';
    }
    return cli::exit_code_of(error);
}

/// What was printed has to have arrived: half a URL is none.
int delivered(int code) {
    std::cout.flush();
    if (code == 0 && !std::cout) {
        std::cerr << "✗ the result could not be written to the standard output\n";
        return k_exit_runtime;
    }
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    process::refuse_dumps();
    const process::PrintableOutput output;
    try {
        http::init_library();
        Program program;
        return delivered(program.run(argc, argv));
    } catch (const base::Error& error) {
        return report(error);
    } catch (const std::exception& error) {
        std::cerr << "✗ " << error.what() << '\n';
        return k_exit_runtime;
    }
}
