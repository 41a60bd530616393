// SPDX-License-Identifier: PostgreSQL
// The HTTP listener: cpp-httplib behind a wall. One thread accepts, a pool serves connections; handlers run
// on the pool's threads, several at once. Owned by the assembly in serve.
//
// Before a body is read a request has passed its route, its authorization and its length: an unknown caller
// cannot make us hold megabytes. Bodies with Transfer-Encoding or Content-Encoding are refused, because their
// size is not known before they are read.
#pragma once

#include "environment/config/settings.hpp"
#include "environment/server/http.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ardent::environment {

/// The answer that refuses the call, or nothing.
using Authorizer =
    std::function<std::optional<HttpResponse>(const Route& route, const HttpRequest& request)>;

class HttpServer {
public:
    /// Binds. Throws base::Error (config): the address is taken, the certificate does not fit its key.
    HttpServer(const Settings& settings, const Router& router, Authorizer authorizer);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Begins to answer, on threads of its own.
    void start();
    /// Stops accepting and waits for the running handlers: wake the waiting ones first.
    void stop();
    /// The port that was bound.
    int port() const noexcept;

private:
    struct Listener;
    std::unique_ptr<Listener> m_listener;
};

}  // namespace ardent::environment
