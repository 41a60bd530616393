// SPDX-License-Identifier: PostgreSQL
#include "environment/server/http_server.hpp"

#include "common/base/version.hpp"
#include "common/process/log.hpp"
#include "environment/server/connection.hpp"
#include "environment/server/lane.hpp"
#include "environment/server/socket_channel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <thread>
#include <unordered_map>

namespace ardent::environment {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Error;
using base::ErrorKind;
using boost::system::error_code;

// Of callers who showed no key. With TLS each may hold some 100 kB.
constexpr Guests::Limits k_strangers{.strangers = 1024, .strangers_of_address = 256};
constexpr rlim_t k_files = 16384;
constexpr std::uint64_t k_pages_bytes = 67108864;
constexpr std::size_t k_page_threads = 2;
constexpr std::size_t k_pages_waiting = 64;
constexpr std::size_t k_admin_threads = 16;
constexpr std::size_t k_admin_waiting = 256;
constexpr std::size_t k_agents_waiting = 8192;
// An agent has one connection for each call at a time; twice, because those of one that was killed
// may still be there.
constexpr std::size_t k_agent_calls = 8;
const Owner k_admin{.name = "admin", .connections = 256, .calls = 64};
constexpr std::chrono::milliseconds k_after_refusal{50};
constexpr std::chrono::seconds k_drain_patience{5};
constexpr std::chrono::minutes k_between_warnings{1};

std::string openssl_reason() {
    const char* const reason = ERR_reason_error_string(ERR_get_error());
    return reason == nullptr ? "unknown reason" : reason;
}

std::unique_ptr<asio::ssl::context> make_tls(const std::optional<TlsFiles>& files) {
    if (!files) {
        return nullptr;
    }
    auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX* const native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(native, files->certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(native, files->key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(native) != 1) {
        throw Error(ErrorKind::config, "the TLS certificate " + files->certificate + " and key " +
                                           files->key + " cannot be used: " + openssl_reason());
    }
    return context;
}

// A connection is a file; the usual limit of 1024 would be reached by strangers alone. What cannot
// be had is done without: then fewer strangers are let in.
Guests::Limits limits_within_files() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return k_strangers;
    }
    if (files.rlim_cur < k_files) {
        files.rlim_cur = std::min(files.rlim_max, k_files);
        ::setrlimit(RLIMIT_NOFILE, &files);
        ::getrlimit(RLIMIT_NOFILE, &files);
    }
    Guests::Limits limits = k_strangers;
    limits.strangers = std::min<std::size_t>(limits.strangers, files.rlim_cur / 4);
    limits.strangers_of_address = std::min(limits.strangers_of_address, limits.strangers / 2);
    return limits;
}

}  // namespace

class HttpServer::Listener {
public:
    Listener(const Settings& settings, const Router& router, Authorizer authorizer)
        : m_authorizer(std::move(authorizer)),
          m_guests(limits_within_files()),
          m_memory(settings.call_memory),
          m_pages(k_pages_bytes),
          m_agents(settings.http_threads, k_agents_waiting),
          m_admins(k_admin_threads, k_admin_waiting),
          m_open(k_page_threads, k_pages_waiting),
          m_tls(make_tls(settings.tls)),
          m_reception{.router = router,
                      .authorizer = m_authorizer,
                      .guests = m_guests,
                      .memory = m_memory,
                      .pages = m_pages,
                      .server = std::string("ardent-environment/") + base::version(),
                      .owner_of = {},
                      .submit = {},
                      .post = {},
                      .gone = {}} {
        const std::size_t calls = 2 * (settings.in_flight + k_agent_calls);
        m_reception.owner_of = [calls](const Route& route, const HttpRequest& request) {
            return route.access == Access::agent
                       ? Owner{"agent of " + request.argument("connector_id"), 2 * calls, calls}
                       : k_admin;
        };
        m_reception.submit = [this](Access access, std::function<void()> job) {
            return lane_of(access).submit(std::move(job));
        };
        m_reception.post = [this](std::function<void()> act) {
            asio::post(m_loop, std::move(act));
        };
        m_reception.gone = [this](Guests::Id id) { forget(id); };
        bind(settings);
    }

    ~Listener() { stop(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int port() const noexcept { return m_port; }

    void start() {
        m_work.emplace(m_loop.get_executor());
        accept();
        m_thread = std::thread([this] { run(); });
    }

    void stop() {
        if (m_thread.joinable()) {
            asio::post(m_loop, [this] { drain(); });
            m_thread.join();
        }
        m_agents.stop();
        m_admins.stop();
        m_open.stop();
    }

private:
    void bind(const Settings& settings) {
        error_code error;
        tcp::resolver resolver(m_loop);
        const auto found =
            resolver.resolve(settings.listen_host, std::to_string(settings.listen_port),
                             tcp::resolver::passive | tcp::resolver::numeric_service, error);
        if (!error) {
            const tcp::endpoint endpoint = found.begin()->endpoint();
            m_acceptor.open(endpoint.protocol(), error);
            // no SO_REUSEPORT, with which two environments could share a port unseen
            error = error ? error : set_reuse_address();
            error = error ? error : bind_to(endpoint);
        }
        if (error) {
            throw Error(
                ErrorKind::config,
                "cannot listen on " + settings.listen_host + " port " +
                    std::to_string(settings.listen_port) + ": " + error.message(),
                "Is another program listening there, or does the address not exist on this host?");
        }
        m_port = m_acceptor.local_endpoint().port();
    }

    error_code set_reuse_address() {
        error_code error;
        m_acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        return error;
    }

    error_code bind_to(const tcp::endpoint& endpoint) {
        error_code error;
        m_acceptor.bind(endpoint, error);
        if (!error) {
            m_acceptor.listen(asio::socket_base::max_listen_connections, error);
        }
        return error;
    }

    Lane& lane_of(Access access) {
        return access == Access::agent ? m_agents : access == Access::admin ? m_admins : m_open;
    }

    // What a handler of the loop threw concerned one connection, which is given up: the others go
    // on.
    void run() {
        for (;;) {
            try {
                m_loop.run();
                return;
            } catch (const std::exception& error) {
                process::log_error("the HTTP listener met an error", {{"error", error.what()}});
            }
        }
    }

    void accept() {
        m_acceptor.async_accept([this](error_code error, tcp::socket socket) {
            if (m_reception.draining || error == asio::error::operation_aborted) {
                return;
            }
            if (error) {
                accept_later(error);
                return;
            }
            try {
                welcome(std::move(socket));
            } catch (const std::exception& failure) {
                process::log_warning("a connection is given up", {{"error", failure.what()}});
            }
            accept();
        });
    }

    // Files or memory are at an end; trying again at once would take the processor too.
    void accept_later(error_code error) {
        warn("connections cannot be accepted", error.message());
        m_timer.expires_after(k_after_refusal);
        m_timer.async_wait([this](error_code over) {
            if (!over && !m_reception.draining) {
                accept();
            }
        });
    }

    void welcome(tcp::socket socket) {
        error_code error;
        const tcp::endpoint from = socket.remote_endpoint(error);
        if (error) {
            return;  // gone already
        }
        socket.set_option(tcp::no_delay(true), error);
        const Guests::Id id = ++m_last;
        const std::string address = address_of(from);
        auto connection = std::make_shared<Connection>(
            m_reception, id, make_channel(std::move(socket), m_tls.get()));
        m_connections.emplace(id, connection);
        const auto goes = m_guests.arrive(id, address, Guests::Clock::now());
        connection->start();
        if (goes) {
            warn("connections that showed no key are closed to make room", address);
            end(*goes);
        }
    }

    void end(Guests::Id id) {
        if (const auto found = m_connections.find(id); found != m_connections.end()) {
            const std::shared_ptr<Connection> kept = found->second;
            kept->end();
        }
    }

    // At most once a minute: whoever connects must not fill the log.
    void warn(const std::string& what, const std::string& detail) {
        const auto now = Guests::Clock::now();
        if (now - m_warned >= k_between_warnings) {
            m_warned = now;
            process::log_warning(what, {{"detail", detail}});
        }
    }

    void forget(Guests::Id id) {
        m_connections.erase(id);
        if (m_reception.draining && m_connections.empty()) {
            m_timer.cancel();
            m_work.reset();
        }
    }

    void drain() {
        m_reception.draining = true;
        error_code ignored;
        m_acceptor.close(ignored);
        m_timer.cancel();
        for_each([](Connection& connection) { connection.drain(); });
        if (m_connections.empty()) {
            m_work.reset();
            return;
        }
        m_timer.expires_after(k_drain_patience);
        m_timer.async_wait([this](error_code over) {
            if (!over) {
                for_each([](Connection& connection) { connection.end_slow_reader(); });
            }
        });
    }

    // A connection that ends leaves the map meanwhile.
    template <class Act>
    void for_each(Act act) {
        std::vector<std::shared_ptr<Connection>> all;
        all.reserve(m_connections.size());
        for (const auto& [id, connection] : m_connections) {
            all.push_back(connection);
        }
        for (const auto& connection : all) {
            act(*connection);
        }
    }

    // What connections use goes after the loop, which may still hold some when it is destroyed.
    Authorizer m_authorizer;
    Guests m_guests;
    MemoryBudget m_memory;
    MemoryBudget m_pages;
    Lane m_agents;
    Lane m_admins;
    Lane m_open;
    std::unique_ptr<asio::ssl::context> m_tls;
    Reception m_reception;
    std::unordered_map<Guests::Id, std::shared_ptr<Connection>> m_connections;
    asio::io_context m_loop{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> m_work;
    tcp::acceptor m_acceptor{m_loop};
    asio::steady_timer m_timer{m_loop};
    Guests::Id m_last = 0;
    Guests::Clock::time_point m_warned{};
    int m_port = 0;
    std::thread m_thread;
};

HttpServer::HttpServer(const Settings& settings, const Router& router, Authorizer authorizer)
    : m_listener(std::make_unique<Listener>(settings, router, std::move(authorizer))) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
    m_listener->start();
}

void HttpServer::stop() {
    m_listener->stop();
}

int HttpServer::port() const noexcept {
    return m_listener->port();
}

}  // namespace ardent::environment
