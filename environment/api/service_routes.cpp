// SPDX-License-Identifier: PostgreSQL
#include "environment/api/routes.hpp"

#include "common/base/version.hpp"
#include "environment/api/metrics.hpp"
#include "environment/api/openapi.hpp"

namespace ardent::environment {

void add_service_routes(Router& router, Registry& registry, std::function<bool()> ready) {
    router.add({"GET", "/healthz", Access::health, 0, [](const HttpRequest&) {
                    return json_response(200, std::string(R"({"status":"ok","version":")") +
                                                  base::version() + "\"}");
                }});
    router.add(
        {"GET", "/readyz", Access::health, 0, [ready = std::move(ready)](const HttpRequest&) {
             return ready() ? json_response(200, R"({"status":"ready"})")
                            : error_response(503, "unavailable",
                                             "the environment's own database does not answer");
         }});
    router.add({"GET", "/metrics", Access::open, 0, [&registry](const HttpRequest&) {
                    std::vector<ConnectorView> views;
                    for (const auto& connector : registry.all()) {
                        views.push_back(connector->view());
                    }
                    return HttpResponse{.body = metrics_text(views),
                                        .content_type = "text/plain; version=0.0.4; charset=utf-8"};
                }});
    router.add({"GET", "/openapi.json", Access::open, 0, [](const HttpRequest&) {
                    return json_response(200, std::string(openapi_json()));
                }});
}

}  // namespace ardent::environment
