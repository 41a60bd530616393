// SPDX-License-Identifier: PostgreSQL
#include "cli/session.hpp"

#include "cli/branch_authority.hpp"
#include "cli/failure.hpp"
#include "cli/selection.hpp"
#include "common/base/text.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <ostream>

namespace ardent::cli {

using base::Error;
using nlohmann::json;

namespace {

constexpr long k_not_found = 404;
constexpr const char* k_organization = "/v1/orgs/org_default";

std::string text_of(const json& object, const char* name) {
    const auto at = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>()
                                                                       : std::string();
}

/// The one project there is; nothing when there are several, or none.
Named only_project(Api& api) {
    const json answer = api.call("GET", "/v1/projects?org_id=org_default");
    const auto list = answer.is_object() ? answer.find("projects") : answer.end();
    if (!answer.is_object() || list == answer.end() || !list->is_array() || list->size() != 1) {
        return {};
    }
    Named project{text_of(list->front(), "id"), text_of(list->front(), "name")};
    return project.id.empty() || project.name.empty() ? Named() : project;
}

std::string organization(Api& api) {
    try {
        return text_of(api.call("GET", k_organization), "name");
    } catch (const ApiRefusal& refusal) {
        if (refusal.answer().status != k_not_found) {
            throw;
        }
        return {};
    }
}

bool is_ready(const ConnectorRef& connector) {
    return connector.status == "streaming" || connector.status == "degraded";
}

void print_next_step(const Selections& selected, const std::vector<ConnectorRef>& connectors,
                     std::ostream& out) {
    if (!selected.project.id.empty()) {
        out << "  Auto-selected project '" << base::one_line(selected.project.name) << "'\n";
    }
    if (connectors.empty()) {
        out << "  No connectors found.\n"
            << "  Create one with: ardent connector create <name> --sidecar\n";
    } else if (connectors.size() > 1) {
        out << "  " << connectors.size() << " connectors found.\n"
            << "  Next step: select a connector: ardent connector switch <name>\n"
            << "  List your connectors: ardent connector list\n";
    } else {
        out << "  Auto-selected connector '" << base::one_line(connectors.front().name) << "'\n";
        if (is_ready(connectors.front())) {
            out << "  Ready to branch:\n  ardent branch create <name>\n";
        } else {
            out << "  Its copy is not ready yet: ardent connector status "
                << base::one_line(connectors.front().name) << '\n';
        }
    }
}

void print_line(std::ostream& out, const char* label, const std::string& value) {
    if (!value.empty()) {
        out << "  " << label << std::string(11 - std::string_view(label).size(), ' ')
            << base::one_line(value) << '\n';
    }
}

void print_local(const Login& login, const Selections& selected, std::ostream& out) {
    print_line(out, "Token:", "from " + login.token_from);
    print_line(out, "Project:", selected.project.name);
    print_line(out, "Connector:", selected.connector.name);
    print_line(out, "Branch:", selected.branch.name);
}

}  // namespace

void log_in(const ApiOptions& options, const Variables& environment, std::ostream& out,
            std::ostream& notes) {
    const Login login = find_login(options, environment);
    Api api(login);
    const std::vector<ConnectorRef> connectors = list_connector_refs(api);
    const Named project = only_project(api);
    const std::string authority = fetch_branch_authority(api);
    bool renewed = false;
    Selections selected;
    change_config(environment, [&](Config& config) {
        config.api_url = login.url;
        config.token = login.token;
        config.ca_file =
            login.ca_file.empty() ? "" : std::filesystem::absolute(login.ca_file).string();
        selected = selections_at(config, login.url);
        renewed = !selected.branch_authority.empty() && selected.branch_authority != authority;
        selected.branch_authority = authority;
        selected.project = project;
        if (connectors.size() == 1) {
            select_connector(selected, connectors.front());
        }
        config.selections = selected;
    });
    if (renewed) {
        notes << "⚠ The authority of the branches' certificates is another one than before: URLs "
                 "that were printed before do not trust it\n";
    }
    out << "✓ Logged in to " << login.url << "\n\n";
    print_next_step(selected, connectors, out);
}

void log_out(const Variables& environment, std::ostream& out) {
    out << (remove_config(environment) ? "✓ Logged out\n" : "✓ Nobody was logged in\n");
}

void show_status(const ApiOptions& options, const Variables& environment, std::ostream& out) {
    const Login login = look_up_login(options, environment);
    if (login.token.empty()) {
        throw Failure("not_authenticated", "Not authenticated",
                      "Run: ardent login --url <url> --token-file <file>, or set ARDENT_TOKEN");
    }
    const Selections selected = selections_at(read_config(environment), login.url);
    Api api(login);
    std::vector<ConnectorRef> connectors;
    std::string name;
    try {
        connectors = list_connector_refs(api);
        name = organization(api);
    } catch (const Error&) {
        print_line(out, "API:", login.url + " (not usable, see the error)");
        print_local(login, selected, out);
        throw;
    }
    out << "✓ Authenticated\n";
    print_line(out, "Org:", name);
    print_line(out, "API:", login.url + " (reachable)");
    print_local(login, selected, out);
    out << '\n';
    print_connector_refs(connectors, selected, out);
}

}  // namespace ardent::cli
