// SPDX-License-Identifier: PostgreSQL
#include "environment/server/http_server.hpp"

#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/process/log.hpp"

#include <httplib.h>
#include <openssl/err.h>

#include <sys/socket.h>
#include <thread>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view k_bearer = "Bearer ";
constexpr int k_keep_alive_seconds = 30;
constexpr int k_read_seconds = 30;

HttpRequest to_request(const httplib::Request& from) {
    HttpRequest request;
    request.method = from.method == "HEAD" ? "GET" : from.method;
    request.path = from.path;
    for (const auto& [name, value] : from.params) {
        request.query.emplace(name, value);
    }
    const std::string authorization = from.get_header_value("Authorization");
    if (authorization.starts_with(k_bearer)) {
        request.bearer = base::trim(std::string_view(authorization).substr(k_bearer.size()));
    }
    request.body = from.body;
    request.content_length = from.get_header_value<std::uint64_t>("Content-Length");
    return request;
}

void answer(httplib::Response& to, const HttpResponse& response) {
    to.status = response.status;
    for (const auto& [name, value] : response.headers) {
        to.set_header(name, value);
    }
    to.set_content(response.body, response.content_type);
}

std::unique_ptr<httplib::Server> make_server(const std::optional<TlsFiles>& tls) {
    if (!tls) {
        return std::make_unique<httplib::Server>();
    }
    return std::make_unique<httplib::SSLServer>([&tls](SSL_CTX& context) {
        SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
        return SSL_CTX_use_certificate_chain_file(&context, tls->certificate.c_str()) == 1 &&
               SSL_CTX_use_PrivateKey_file(&context, tls->key.c_str(), SSL_FILETYPE_PEM) == 1 &&
               SSL_CTX_check_private_key(&context) == 1;
    });
}

std::string openssl_reason() {
    const char* const reason = ERR_reason_error_string(ERR_get_error());
    return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace

struct HttpServer::Listener {
    std::unique_ptr<httplib::Server> server;
    std::thread thread;
    const Router* router = nullptr;
    Authorizer authorizer;
    int port = 0;

    std::optional<HttpResponse> admit(const httplib::Request& from) const {
        try {
            HttpRequest request = to_request(from);
            const Route& route = router->find(request);
            if (auto refusal = authorizer(route, request)) {
                return refusal;
            }
            if (from.has_header("Transfer-Encoding")) {
                throw HttpError(411, "", "A body needs a Content-Length");
            }
            if (from.has_header("Content-Encoding")) {
                throw HttpError(415, "", "Content-Encoding is not accepted");
            }
            if (request.content_length > route.body_limit) {
                throw HttpError(413, "too_large",
                                "The body has " + std::to_string(request.content_length) +
                                    " bytes; at most " + std::to_string(route.body_limit) +
                                    " are accepted here");
            }
            return std::nullopt;
        } catch (...) {
            return response_for_exception();
        }
    }

    HttpResponse serve(const httplib::Request& from) const {
        try {
            HttpRequest request = to_request(from);
            return router->find(request).handler(request);
        } catch (...) {
            return response_for_exception();
        }
    }

    void install() {
        using HandlerResponse = httplib::Server::HandlerResponse;
        server->set_pre_routing_handler(
            [this](const httplib::Request& request, httplib::Response& response) {
                const auto refusal = admit(request);
                if (!refusal) {
                    return HandlerResponse::Unhandled;
                }
                answer(response, *refusal);
                response.set_header("Connection", "close");
                return HandlerResponse::Handled;
            });
        const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
            answer(response, serve(request));
        };
        const std::string any = ".*";
        server->Get(any, handler);
        server->Post(any, handler);
        server->Put(any, handler);
        server->Patch(any, handler);
        server->Delete(any, handler);
    }
};

HttpServer::HttpServer(const Settings& settings, const Router& router, Authorizer authorizer)
    : m_listener(std::make_unique<Listener>()) {
    m_listener->server = make_server(settings.tls);
    if (!m_listener->server->is_valid()) {
        throw Error(ErrorKind::config, "the TLS certificate " + settings.tls->certificate +
                                           " and key " + settings.tls->key +
                                           " cannot be used: " + openssl_reason());
    }
    m_listener->router = &router;
    m_listener->authorizer = std::move(authorizer);
    httplib::Server& server = *m_listener->server;
    // The library takes ownership of the pool through this raw pointer.
    server.new_task_queue = [threads = settings.http_threads] {
        return std::make_unique<httplib::ThreadPool>(threads).release();
    };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_timeout(k_keep_alive_seconds);
    server.set_keep_alive_max_count(SIZE_MAX);
    server.set_read_timeout(k_read_seconds);
    server.set_write_timeout(k_read_seconds);
    server.set_payload_max_length(SIZE_MAX);  // each route has its own limit, checked before
    server.set_default_headers({{"Server", std::string("ardent-environment/") + base::version()}});
    // The library's default also sets SO_REUSEPORT, with which two environments could share a port unseen.
    server.set_socket_options([](int socket) {
        const int yes = 1;
        ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    m_listener->install();
    if (settings.listen_port == 0) {
        m_listener->port = server.bind_to_any_port(settings.listen_host);
    } else if (server.bind_to_port(settings.listen_host, settings.listen_port)) {
        m_listener->port = settings.listen_port;
    }
    if (m_listener->port <= 0) {
        throw Error(
            ErrorKind::config,
            "cannot listen on " + settings.listen_host + " port " +
                std::to_string(settings.listen_port),
            "Is another program listening there, or does the address not exist on this host?");
    }
}

HttpServer::~HttpServer() {
    stop();
}

void HttpServer::start() {
    m_listener->thread = std::thread([this] { m_listener->server->listen_after_bind(); });
}

void HttpServer::stop() {
    if (m_listener->thread.joinable()) {
        m_listener->server->stop();
        m_listener->thread.join();
    }
}

int HttpServer::port() const noexcept {
    return m_listener->port;
}

}  // namespace ardent::environment
