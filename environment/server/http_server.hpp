// SPDX-License-Identifier: PostgreSQL
// The HTTP listener: an event loop (Asio) on a thread of its own, which nobody who connects can
// keep busy or make wait. Handlers run on other threads, several at once, in lanes: agents, the
// API, open pages; /healthz and /readyz on the loop. Owned by the assembly in serve.
//
// Before a body is read a request has passed its route, its authorization and its length: an
// unknown caller cannot make us hold more than the head of a request (message.hpp), nor longer than
// connection.hpp says; how many there may be says guests.hpp. Bodies with Transfer-Encoding or
// Content-Encoding are refused, because their size is not known before they are read; a Range is
// not looked at.
#pragma once

#include "environment/config/settings.hpp"
#include "environment/server/http.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ardent::environment {

/// The answer that refuses the call, or nothing. Called on the event loop's thread: it must not
/// wait.
using Authorizer =
    std::function<std::optional<HttpResponse>(const Route& route, const HttpRequest& request)>;

class HttpServer {
public:
    /// Binds. Throws base::Error (config): the address is taken, the certificate does not fit its
    /// key.
    HttpServer(const Settings& settings, const Router& router, Authorizer authorizer);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Begins to answer, on threads of its own.
    void start();
    /// Stops accepting, ends what is no call yet, and waits for the running handlers and their
    /// answers: wake the waiting ones first.
    void stop();
    /// The port that was bound.
    int port() const noexcept;

private:
    class Listener;
    std::unique_ptr<Listener> m_listener;
};

}  // namespace ardent::environment
