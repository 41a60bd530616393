// SPDX-License-Identifier: PostgreSQL
#include "cli/selection.hpp"

#include "cli/connector.hpp"
#include "cli/failure.hpp"
#include "common/base/text.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace ardent::cli {

using nlohmann::json;

namespace {

constexpr const char* k_choose =
    "Choose one: ardent connector switch <name>, or --connector <name>";

std::string text_of(const json& object, const char* name) {
    const auto at = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>()
                                                                       : std::string();
}

ConnectorRef read_ref(const json& row) {
    ConnectorRef ref{text_of(row, "id"), text_of(row, "name"), text_of(row, "status"), ""};
    if (ref.id.empty() || ref.name.empty()) {
        throw Failure("api_error", "the environment lists a connector without its id or name",
                      k_which_environment);
    }
    if (row.contains("replica")) {
        ref.volume = text_of(row["replica"], "volume");
    }
    return ref;
}

ConnectorRef named(const std::vector<ConnectorRef>& all, const std::string& name) {
    const ConnectorRef* found = nullptr;
    for (const ConnectorRef& ref : all) {
        if (ref.id != name && ref.name != name) {
            continue;
        }
        if (found != nullptr) {
            throw Failure("connector_unavailable", "several connectors are called " + name,
                          "Use the id: ardent connector list");
        }
        found = &ref;
    }
    if (found == nullptr) {
        throw Failure("connector_unavailable", "there is no connector " + name,
                      "See them all: ardent connector list");
    }
    return *found;
}

}  // namespace

std::vector<ConnectorRef> list_connector_refs(Api& api) {
    const json answer = api.call("GET", "/v1/connectors?org_id=org_default");
    if (!answer.is_object() || !answer.contains("connectors") || !answer["connectors"].is_array()) {
        throw Failure("api_error", "the environment's answer has no list of connectors",
                      k_which_environment);
    }
    std::vector<ConnectorRef> refs;
    for (const json& row : answer["connectors"]) {
        refs.push_back(read_ref(row));
    }
    return refs;
}

ConnectorRef choose_connector(const std::vector<ConnectorRef>& all, const std::string& name,
                              const Selections& selected) {
    if (!name.empty()) {
        return named(all, name);
    }
    if (all.empty()) {
        throw Failure("no_connectors", "there is no connector",
                      "Create one with: ardent connector create <name> --sidecar");
    }
    if (selected.connector.id.empty()) {
        if (all.size() > 1) {
            throw Failure(
                "no_connectors",
                "there are " + std::to_string(all.size()) + " connectors, and none is selected",
                k_choose);
        }
        return all.front();
    }
    for (const ConnectorRef& ref : all) {
        if (ref.id == selected.connector.id) {
            return ref;
        }
    }
    throw Failure("connector_unavailable",
                  "the selected connector '" + selected.connector.name + "' is not there any more",
                  k_choose);
}

void select_connector(Selections& selected, const ConnectorRef& connector) {
    if (selected.connector.id != connector.id) {
        selected.branch = {};
    }
    selected.connector = {connector.id, connector.name};
}

void check_out(Selections& selected, const ConnectorRef& connector, const Named& branch) {
    select_connector(selected, connector);
    selected.branch = branch;
}

void switch_connector(Api& api, const std::string& name, const Variables& environment,
                      std::ostream& out) {
    const ConnectorRef chosen = named(list_connector_refs(api), name);
    std::string before;
    change_config(environment, [&](Config& config) {
        config.selections = selections_at(config, api.url());
        before = config.selections.connector.name;
        select_connector(config.selections, chosen);
    });
    out << switched_text(before, base::one_line(chosen.name)) << '\n';
}

std::string switched_text(const std::string& before, const std::string& now) {
    return before.empty() || before == now ? "Switched to '" + now + "'"
                                           : "Switched from '" + before + "' to '" + now + "'";
}

void print_connector_refs(const std::vector<ConnectorRef>& all, const Selections& selected,
                          std::ostream& out) {
    if (all.empty()) {
        out << "No connectors found.\nCreate one with: ardent connector create <name> --sidecar\n";
        return;
    }
    out << "Connectors:\n";
    for (const ConnectorRef& ref : all) {
        out << (ref.id == selected.connector.id ? "* " : "  ") << connector_icon(ref.status) << ' '
            << base::one_line(ref.name) << " [" << base::one_line(ref.status) << ']'
            << (ref.volume.empty() ? "" : "  branches by " + base::one_line(ref.volume)) << '\n';
    }
}

}  // namespace ardent::cli
