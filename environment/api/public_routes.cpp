// SPDX-License-Identifier: PostgreSQL
#include "environment/api/routes.hpp"

#include "common/protocol/json_fields.hpp"
#include "environment/api/branch_views.hpp"
#include "environment/api/fields.hpp"
#include "environment/api/json_views.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <semaphore>

namespace ardent::environment {

namespace {

using protocol::json;

constexpr std::size_t k_name_limit = 100;
constexpr int k_longest_wait = 10;
// Of calls that wait for an operation; more are answered at once. Half of the threads that the API
// has (http_server.cpp), so that whoever waits for nothing is served.
constexpr std::ptrdiff_t k_most_waiting = 8;
using WaitingCalls = std::counting_semaphore<k_most_waiting>;

std::string name_field(const json& body) {
    std::string name = text_field(body, "name", "");
    if (name.empty() || name.size() > k_name_limit) {
        throw HttpError(422, "malformed", "name is missing or longer than 100 bytes");
    }
    return name;
}

std::vector<std::string> schemas_field(const json& details) {
    const auto found = details.find("schemas");
    if (found == details.end() || found->is_null()) {
        return {"public"};
    }
    std::vector<std::string> schemas;
    const bool fits = found->is_array() && !found->empty() &&
                      std::all_of(found->begin(), found->end(), [](const json& item) {
                          return item.is_string() && !item.get_ref<const std::string&>().empty();
                      });
    if (!fits) {
        throw HttpError(422, "malformed", "connection_details.schemas is no list of schema names");
    }
    for (const json& item : *found) {
        schemas.push_back(item.get<std::string>());
    }
    return schemas;
}

// Absent or null: nullopt.
std::optional<std::vector<std::string>> extensions_field(const json& body) {
    const auto found = body.find("drop_extensions");
    if (found == body.end() || found->is_null()) {
        return std::nullopt;
    }
    const bool fits =
        found->is_array() && std::all_of(found->begin(), found->end(), [](const json& item) {
            return item.is_string() && !item.get_ref<const std::string&>().empty();
        });
    if (!fits) {
        throw HttpError(422, "malformed", "drop_extensions is no list of names of extensions");
    }
    std::vector<std::string> names = found->get<std::vector<std::string>>();
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void check_scope(const std::string& org, const std::string& project) {
    if (org != k_org) {
        throw HttpError(400, "", "This environment has one organization: " + std::string(k_org));
    }
    if (project != k_project) {
        throw HttpError(400, "", "This environment has one project: " + std::string(k_project));
    }
}

ConnectorRecord read_create(const HttpRequest& request) {
    const json body = read_object(request);
    ConnectorRecord record;
    record.name = name_field(body);
    record.org_id = text_field(body, "org_id", k_org);
    record.project_id = text_field(body, "project_id", k_project);
    check_scope(record.org_id, record.project_id);
    record.service_name = text_field(body, "service_name", "postgresql");
    if (record.service_name != "postgresql") {
        throw HttpError(
            400, "",
            "service_name is " + record.service_name + "; this environment knows postgresql");
    }
    const auto details = body.find("connection_details");
    if (details == body.end() || !details->is_object()) {
        throw HttpError(422, "malformed", "connection_details is missing");
    }
    if (!flag_field(*details, "sidecar")) {
        throw HttpError(400, "",
                        "This environment takes changes from an agent beside the source: say "
                        "connection_details {\"sidecar\": true}");
    }
    record.schemas = schemas_field(*details);
    record.drop_extensions = extensions_field(body).value_or(std::vector<std::string>());
    return record;
}

HttpResponse list_connectors(const HttpRequest& request, const Registry& registry) {
    json rows = json::array();
    const auto service = request.parameter("service_name");
    if (request.parameter("org_id").value_or(k_org) == k_org) {
        std::vector<ConnectorView> views;
        for (const auto& connector : registry.all()) {
            views.push_back(connector->view());
        }
        std::sort(views.begin(), views.end(), [](const ConnectorView& a, const ConnectorView& b) {
            return a.record.created_at < b.record.created_at;
        });
        for (const ConnectorView& view : views) {
            if (!service || *service == view.record.service_name) {
                rows.push_back(connector_row(view));
            }
        }
    }
    return answer(200, {{"connectors", std::move(rows)}});
}

HttpResponse create_connector(const HttpRequest& request, const Settings& settings,
                              Registry& registry) {
    ConnectorRecord record = read_create(request);
    for (const auto& other : registry.all()) {
        if (other->view().record.name == record.name) {
            throw HttpError(400, "", "There is a connector named " + record.name + " already");
        }
    }
    const Registry::Created created = registry.create(std::move(record));
    const ConnectorView view = created.connector->view();
    json row = connector_row(view);
    row["agent_token"] = created.token;
    row["agent_hints"] = agent_hints(settings.public_url, view.record, created.token);
    return answer(200, row);
}

HttpResponse update_connector(const HttpRequest& request, const Registry& registry) {
    const auto connector = registry.find(request.argument("connector_id"));
    const json body = read_object(request);
    check_scope(k_org, text_field(body, "project_id", k_project));
    const bool renames = body.contains("name") && !body["name"].is_null();
    connector->update(renames ? std::optional(name_field(body)) : std::nullopt,
                      extensions_field(body));
    return answer(200, connector_row(connector->view()));
}

std::optional<model::Lsn> lsn_field(const json& body, const char* name) {
    const std::string text = text_field(body, name, "");
    const auto lsn = model::parse_lsn(text);
    if (!text.empty() && !lsn) {
        throw HttpError(422, "malformed", std::string(name) + " is no LSN such as 0/16B3748");
    }
    return lsn;
}

HttpResponse engine_setup(const HttpRequest& request, const Registry& registry) {
    const auto connector = registry.find(request.argument("connector_id"));
    const json body = read_object(request);
    connector->retry_setup(flag_field(body, "resync"), lsn_field(body, "skip_ddl"));
    json row = connector_row(connector->view());
    row["message"] = "The agent goes on at its next hello.";
    return answer(200, row);
}

json result_of(const OperationRecord& operation, const Settings& settings,
               const Branches& branches) {
    if (!operation.type.starts_with("branch_") || operation.status != "completed") {
        return nullptr;
    }
    const auto view = branches.find_view(operation.resource_id);
    return view ? branch_row(*view, branches.connector_name(view->record.connector_id),
                             settings.branch, branches.activity(view->record.id))
                : json(nullptr);
}

HttpResponse show_operation(const HttpRequest& request, const Settings& settings,
                            Registry& registry, const Branches& branches, WaitingCalls& calls) {
    const auto wait = request.parameter("wait");
    const int seconds = wait && wait->size() == 1 && *wait >= "0" && *wait <= "9"
                            ? (*wait)[0] - '0'
                            : (wait ? k_longest_wait : 0);
    const bool waits = seconds > 0 && calls.try_acquire();
    const std::unique_ptr<WaitingCalls, void (*)(WaitingCalls*)> turn(
        waits ? &calls : nullptr, [](WaitingCalls* held) { held->release(); });
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(waits ? seconds : 0);
    for (;;) {
        const std::string& id = request.argument("operation_id");
        const auto waiting = branches.waiting_operation(id);
        const auto operation = waiting ? waiting : registry.operation(id);
        if (!operation) {
            throw HttpError(404, "not_found", "Operation not found");
        }
        const bool ended = operation->status == "completed" || operation->status == "failed";
        if (ended || std::chrono::steady_clock::now() >= deadline || registry.closing()) {
            return answer(200,
                          operation_row(*operation, result_of(*operation, settings, branches)));
        }
        registry.wait_for_operation(std::chrono::milliseconds(500));
    }
}

void add_scope_routes(Router& router) {
    const json project = {{"id", k_project}, {"name", "default"}, {"org_id", k_org}};
    const json org = {{"id", k_org}, {"name", "default"}};
    router.add({"GET", "/v1/projects", Access::admin, 0, [project](const HttpRequest&) {
                    return answer(200, {{"projects", json::array({project})}});
                }});
    router.add({"GET", "/v1/projects/{project_id}", Access::admin, 0,
                [project](const HttpRequest& request) {
                    if (request.argument("project_id") != k_project) {
                        throw HttpError(404, "not_found", "Project not found");
                    }
                    return answer(200, project);
                }});
    router.add({"GET", "/v1/orgs/{org_id}", Access::admin, 0, [org](const HttpRequest& request) {
                    if (request.argument("org_id") != k_org) {
                        throw HttpError(404, "not_found", "Organization not found");
                    }
                    return answer(200, org);
                }});
}

}  // namespace

void add_public_routes(Router& router, const Settings& settings, Registry& registry,
                       Branches& branches) {
    const std::string one = "/v1/connectors/{connector_id}";
    router.add({"GET", "/v1/connectors", Access::admin, 0, [&registry](const HttpRequest& request) {
                    return list_connectors(request, registry);
                }});
    router.add({"POST", "/v1/connectors", Access::admin, k_body_limit,
                [&settings, &registry](const HttpRequest& request) {
                    return create_connector(request, settings, registry);
                }});
    router.add({"GET", one, Access::admin, 0, [&registry](const HttpRequest& request) {
                    const auto connector = registry.find(request.argument("connector_id"));
                    return answer(200, connector_row(connector->view()));
                }});
    router.add({"PUT", one, Access::admin, k_body_limit, [&registry](const HttpRequest& request) {
                    return update_connector(request, registry);
                }});
    router.add({"DELETE", one, Access::admin, k_body_limit,
                [&registry, &branches](const HttpRequest& request) {
                    const std::string& id = request.argument("connector_id");
                    if (branches.any(id)) {
                        throw HttpError(409, "connector_has_branches",
                                        "The connector has branches: delete them first");
                    }
                    registry.find(id);
                    branches.forget_failed_of(id);
                    return answer(202, operation_handle(registry.remove(id)));
                }});
    router.add({"POST", one + "/agent-token", Access::admin, k_body_limit,
                [&settings, &registry](const HttpRequest& request) {
                    const std::string& id = request.argument("connector_id");
                    const std::string token = registry.new_token(id);
                    const ConnectorRecord record = registry.find(id)->view().record;
                    return answer(
                        200, {{"connector_id", id},
                              {"agent_token", token},
                              {"agent_hints", agent_hints(settings.public_url, record, token)}});
                }});
    router.add(
        {"POST", one + "/engine-setup", Access::admin, k_body_limit,
         [&registry](const HttpRequest& request) { return engine_setup(request, registry); }});
    router.add(
        {"GET", "/v1/operations/{operation_id}", Access::admin, 0,
         [&settings, &registry, &branches,
          calls = std::make_shared<WaitingCalls>(k_most_waiting)](const HttpRequest& request) {
             return show_operation(request, settings, registry, branches, *calls);
         }});
    add_scope_routes(router);
}

}  // namespace ardent::environment
