// SPDX-License-Identifier: PostgreSQL
#include "environment/api/routes.hpp"

namespace ardent::environment {

namespace {

std::optional<HttpResponse> refuse_agent(const Registry& registry, const HttpRequest& request) {
    const auto connector = registry.find(request.argument("connector_id"));
    if (connector->authorizes(request.bearer)) {
        return std::nullopt;
    }
    return error_response(401, "unauthorized",
                          "The agent token is missing, not known, or of another connector");
}

}  // namespace

Authorizer make_authorizer(Registry& registry) {
    return [&registry](const Route& route,
                       const HttpRequest& request) -> std::optional<HttpResponse> {
        switch (route.access) {
        case Access::health:
        case Access::open:
            return std::nullopt;
        case Access::agent:
            return refuse_agent(registry, request);
        case Access::admin:
            break;
        }
        if (registry.is_admin(request.bearer)) {
            return std::nullopt;
        }
        return error_response(401, "unauthorized",
                              request.bearer.empty()
                                  ? "An API key is needed: Authorization: Bearer sk-ard_live_..."
                                  : "The API key is not known");
    };
}

}  // namespace ardent::environment
