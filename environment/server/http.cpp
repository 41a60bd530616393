// SPDX-License-Identifier: PostgreSQL
#include "environment/server/http.hpp"

#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "common/protocol/json_fields.hpp"

namespace ardent::environment {

namespace {

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
             std::map<std::string, std::string>& arguments) {
    if (pattern.size() != path.size()) {
        return false;
    }
    std::map<std::string, std::string> found;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const std::string& part = pattern[i];
        if (part.size() > 2 && part.front() == '{') {
            if (path[i].empty()) {
                return false;
            }
            found[part.substr(1, part.size() - 2)] = path[i];
        } else if (part != path[i]) {
            return false;
        }
    }
    arguments = std::move(found);
    return true;
}

HttpResponse response_for(const base::Error& error) {
    const std::string detail = base::text_with_hint(error);
    switch (error.kind()) {
    case base::ErrorKind::transient:
        return error_response(503, "unavailable", detail);
    case base::ErrorKind::config:
        return error_response(400, "config", detail);
    case base::ErrorKind::source:
    case base::ErrorKind::replica:
        return error_response(409, "failed", detail);
    case base::ErrorKind::bug:
        break;
    }
    process::log_error("a request failed", {{"error", detail}});
    return error_response(500, "internal", detail);
}

}  // namespace

std::optional<std::string> HttpRequest::parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> HttpRequest::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::nullopt : std::optional(found->second);
}

const Route& Router::find(HttpRequest& request) const {
    const std::vector<std::string> path = base::split(request.path, '/');
    bool known = false;
    for (const Route& route : m_routes) {
        if (matches(base::split(route.pattern, '/'), path, request.arguments)) {
            if (route.method == request.method) {
                return route;
            }
            known = true;
        }
    }
    if (known) {
        throw HttpError(405, "", "Method Not Allowed");
    }
    throw HttpError(404, "not_found", "Not Found");
}

void take_memory(MemoryBudget::Share& share, std::uint64_t bytes) {
    if (!share.grow(bytes)) {
        throw HttpError(503, "unavailable",
                        "The calls in progress leave no memory for " + std::to_string(bytes) +
                            " bytes (environment.call_memory): try again");
    }
}

void take_memory(const HttpRequest& request, std::uint64_t bytes) {
    if (request.memory != nullptr) {
        take_memory(*request.memory, bytes);
    }
}

HttpResponse json_response(int status, std::string body) {
    return {.status = status, .body = std::move(body)};
}

HttpResponse error_response(int status, const std::string& code, const std::string& detail) {
    protocol::json body = {{"detail", detail}};
    if (!code.empty()) {
        body["code"] = code;
    }
    return json_response(status, protocol::dump(body));
}

HttpResponse response_for_exception() noexcept {
    try {
        throw;
    } catch (const HttpError& error) {
        return error_response(error.status(), error.code(), error.what());
    } catch (const base::Error& error) {
        return response_for(error);
    } catch (const std::exception& error) {
        process::log_error("a request failed", {{"error", error.what()}});
        return error_response(500, "internal", error.what());
    }
}

}  // namespace ardent::environment
