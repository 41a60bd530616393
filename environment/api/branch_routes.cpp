// SPDX-License-Identifier: PostgreSQL
#include "environment/api/routes.hpp"

#include "common/protocol/json_fields.hpp"
#include "environment/api/branch_views.hpp"
#include "environment/api/fields.hpp"
#include "environment/api/json_views.hpp"
#include "environment/state/secrets.hpp"

namespace ardent::environment {

namespace {

using protocol::json;

// Absent: nullopt; null: 0, for ever.
std::optional<std::int64_t> ttl_field(const json& body) {
    constexpr std::int64_t k_century = 3155760000;
    const auto found = body.find("ttl");
    if (found == body.end()) {
        return std::nullopt;
    }
    if (found->is_null()) {
        return 0;
    }
    if (!found->is_number_unsigned() || found->get<std::uint64_t>() == 0 ||
        found->get<std::uint64_t>() > static_cast<std::uint64_t>(k_century)) {
        throw HttpError(422, "malformed", "ttl is no number of seconds");
    }
    return found->get<std::int64_t>();
}

// Absent: it stays; null: as the environment's setting.
std::optional<std::optional<std::int64_t>> suspend_after_field(const json& body) {
    constexpr std::uint64_t k_year = 31557600;
    const auto found = body.find("suspend_after");
    if (found == body.end()) {
        return std::nullopt;
    }
    if (found->is_null()) {
        return std::optional<std::int64_t>();
    }
    if (!found->is_number_unsigned() || found->get<std::uint64_t>() > k_year) {
        throw HttpError(422, "malformed", "suspend_after is no number of seconds up to a year");
    }
    return std::optional(found->get<std::int64_t>());
}

HttpResponse update_branch(const HttpRequest& request, const Settings& settings,
                           Branches& branches) {
    const json body = read_object(request);
    const std::string& connector = request.argument("connector_id");
    const std::string& id = request.argument("branch_id");
    const bool protects = body.contains("protect") && !body["protect"].is_null();
    const BranchView view = branches.update(
        connector, id,
        {ttl_field(body), protects ? std::optional(flag_field(body, "protect")) : std::nullopt,
         suspend_after_field(body)});
    return answer(200, branch_row(view, branches.connector_name(connector), settings.branch,
                                  branches.activity(id)));
}

// The fields as they are read, in one order: the same request is the same however it is written.
std::string hash_of(const json& body) {
    return token_hash(protocol::dump(body));
}

HttpResponse create_branch(const HttpRequest& request, Branches& branches) {
    const auto key = request.header("x-idempotency-key");
    if (key && !is_idempotency_key(*key)) {
        throw HttpError(400, "invalid_key", "X-Idempotency-Key has 1 to 255 printable characters");
    }
    const json body = read_object(request);
    BranchRequest wanted;
    wanted.connector_id = text_field(body, "connector_id", "");
    wanted.name = text_field(body, "name", "");
    wanted.requested_name = text_field(body, "requested_name", wanted.name);
    wanted.is_protected = flag_field(body, "protect");
    wanted.allow_stale = flag_field(body, "allow_stale");
    if (wanted.connector_id.empty()) {
        throw HttpError(400, "", "connector_id is missing");
    }
    if (text_field(body, "service_type", "postgres") != "postgres") {
        throw HttpError(400, "", "service_type has to be postgres");
    }
    wanted.ttl = ttl_field(body);
    if (key) {
        wanted.key = *key;
        wanted.hash = hash_of(body);
    }
    const Branches::Begun begun = key ? branches.create_once(wanted) : branches.create(wanted);
    json handle = operation_handle(begun.operation);
    handle["created"] = begun.created;
    HttpResponse response = answer(begun.created ? 202 : 200, handle);
    if (begun.replayed) {
        response.headers["X-Idempotency-Replay"] = "true";
    }
    return response;
}

HttpResponse list_branches(const HttpRequest& request, const Settings& settings,
                           const Branches& branches) {
    const std::string& connector = request.argument("connector_id");
    const std::string name = branches.connector_name(connector);
    json rows = json::array();
    for (const BranchView& view : branches.list(connector)) {
        rows.push_back(branch_row(view, name, settings.branch, branches.activity(view.record.id)));
    }
    return answer(200, rows);
}

}  // namespace

void add_branch_routes(Router& router, const Settings& settings, Branches& branches) {
    const std::string all = "/v1/branches/{connector_id}";
    const std::string one = all + "/{branch_id}";
    router.add(
        {"POST", "/v1/branch/create", Access::admin, k_body_limit,
         [&branches](const HttpRequest& request) { return create_branch(request, branches); }});
    router.add({"GET", all, Access::admin, 0, [&settings, &branches](const HttpRequest& request) {
                    return list_branches(request, settings, branches);
                }});
    router.add(
        {"GET", one, Access::admin, 0, [&settings, &branches](const HttpRequest& request) {
             const BranchView view =
                 branches.view(request.argument("connector_id"), request.argument("branch_id"));
             const bool own_bytes = request.parameter("own_bytes") != "false";
             return answer(200, branch_row_with_url(branches, view, settings.branch, own_bytes));
         }});
    router.add(
        {"DELETE", one, Access::admin, k_body_limit, [&branches](const HttpRequest& request) {
             return answer(202, operation_handle(branches.remove(request.argument("connector_id"),
                                                                 request.argument("branch_id"))));
         }});
    router.add({"PATCH", one, Access::admin, k_body_limit,
                [&settings, &branches](const HttpRequest& request) {
                    return update_branch(request, settings, branches);
                }});
    for (const auto& [word, act] :
         {std::pair("reset", BranchAct::reset), std::pair("suspend", BranchAct::suspend),
          std::pair("resume", BranchAct::resume)}) {
        router.add({"POST", one + "/" + word, Access::admin, k_body_limit,
                    [&branches, act = act](const HttpRequest& request) {
                        return answer(202, operation_handle(
                                               branches.act(request.argument("connector_id"),
                                                            request.argument("branch_id"), act)));
                    }});
    }
    router.add({"GET", "/v1/branch-authority", Access::admin, 0, [&branches](const HttpRequest&) {
                    const std::string& authority = branches.tls().pinned_authority();
                    if (authority.empty()) {
                        throw HttpError(404, "not_found",
                                        "The certificate of branches is not of an authority that "
                                        "clients pin");
                    }
                    return answer(200, {{"certificate", authority}});
                }});
}

}  // namespace ardent::environment
