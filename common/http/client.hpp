// SPDX-License-Identifier: PostgreSQL
// HTTP requests over libcurl. A Client keeps one connection alive and belongs to one thread at a
// time. `https://` is verified against the system's or the given CA; `http://` is refused unless
// the host is a loopback address; no redirect is followed, so the token stays with the server that
// was named. Proxies come from the environment as curl reads them, and are not used for a loopback
// address.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace ardent::http {

struct ClientOptions {
    std::string base_url;    // "https://env.example.com:8443", without a path
    std::string ca_file;     // empty: the system's
    std::string token;       // bearer token, empty: none; never in an error or a log
    std::string user_agent;  // "ardent-agent/0.1.0"
    std::chrono::milliseconds connect_timeout{10000};
    std::size_t answer_bytes = 64U << 20U;  // of a body; a larger one is not read to its end
};

struct Request {
    std::string method = "GET";
    std::string path;  // with the query, already encoded
    std::string_view body{};
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers{};
    std::chrono::milliseconds timeout{60000};  // for the whole call
};

struct Response {
    long status = 0;
    std::string body;
    std::map<std::string, std::string> headers;  // names in lower case
};

/// Asked at least once a second while a call runs, on its thread: true ends it. Must not throw.
using Interrupt = std::function<bool()>;

/// The flag, which another thread sets, must outlive the answer.
inline Interrupt when_set(const std::atomic<bool>& flag) {
    return [&flag] { return flag.load(); };
}

class Client {
public:
    /// Throws base::Error (config) when the URL is unusable or plain HTTP to a host that is not
    /// local.
    explicit Client(const ClientOptions& options);
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Any answer of the server is a Response; what prevents one is a base::Error: transient for
    /// the network, for an interrupted call and for an answer above the limits, config for a
    /// certificate that does not verify.
    Response send(const Request& request, const Interrupt& interrupted = {});

private:
    struct Handle;
    std::unique_ptr<Handle> m_handle;
    ClientOptions m_options;
    bool m_local = false;  // a loopback address
};

/// Percent-encodes what may not stand in a path segment or query value.
std::string encode_component(std::string_view text);

/// 429, 500, 502, 503, 504: worth trying again.
bool is_retryable(long status) noexcept;

/// Once per program, before the first thread.
void init_library();

}  // namespace ardent::http
