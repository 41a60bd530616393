// SPDX-License-Identifier: PostgreSQL
// What the rooms above know of HTTP: values, an error that is an answer, and a table of routes. No
// library behind it, so that handlers are tested without sockets.
#pragma once

#include "common/base/error.hpp"
#include "environment/server/memory.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

/// What handlers may ask for beside the token; no other header reaches them. In lower case.
inline constexpr std::array<std::string_view, 1> k_handler_headers = {"x-idempotency-key"};

struct HttpRequest {
    std::string method;
    std::string path;
    std::map<std::string, std::string> query;
    std::map<std::string, std::string> arguments;  // of the route's {names}
    std::string bearer;                            // the token, without "Bearer "
    std::map<std::string, std::string> headers;    // of k_handler_headers, those that came
    std::string_view body;                         // valid while the handler runs
    std::uint64_t content_length = 0;
    MemoryBudget::Share* memory = nullptr;  // what this call holds; null: nobody counts

    const std::string& argument(const std::string& name) const { return arguments.at(name); }
    std::optional<std::string> parameter(const std::string& name) const;
    /// nullopt: it did not come. One that comes twice is refused before a handler sees it.
    std::optional<std::string> header(const std::string& name) const;
};

struct HttpResponse {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers{};
};

/// An answer that ends the call. `code` is the word of docs/protocol.md; empty: the body has only
/// `detail`.
class HttpError : public base::Error {
public:
    HttpError(int status, std::string code, const std::string& detail)
        : base::Error(base::ErrorKind::bug, detail), m_status(status), m_code(std::move(code)) {}

    int status() const noexcept { return m_status; }
    const std::string& code() const noexcept { return m_code; }

private:
    int m_status;
    std::string m_code;
};

/// health: open, and the handler runs on the event loop's thread, before everything else: it must
/// not wait for anything.
enum class Access { health, open, admin, agent };

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct Route {
    std::string method;
    std::string pattern;  // "/v1/connectors/{connector_id}"
    Access access = Access::admin;
    std::uint64_t body_limit = 0;
    HttpHandler handler;
    std::uint64_t memory_factor =
        1;  // what a byte of the body takes at most while the handler runs
};

/// Filled before the server starts, read by its thread afterwards.
class Router {
public:
    void add(Route route) { m_routes.push_back(std::move(route)); }

    /// The route, with `request.arguments` filled. Throws HttpError 404 or 405.
    const Route& find(HttpRequest& request) const;

private:
    std::vector<Route> m_routes;
};

HttpResponse json_response(int status, std::string body);

/// {"detail", "code"} for whatever a handler threw: HttpError as it says, transient 503, config
/// 400, others 500. To be called inside a catch block.
HttpResponse response_for_exception() noexcept;

/// To be called before memory is taken for a call beyond its body. Throws HttpError 503 when there
/// is none left.
void take_memory(const HttpRequest& request, std::uint64_t bytes);
void take_memory(MemoryBudget::Share& share, std::uint64_t bytes);

/// {"detail": …} or with the code.
HttpResponse error_response(int status, const std::string& code, const std::string& detail);

}  // namespace ardent::environment
