// SPDX-License-Identifier: PostgreSQL
// The environment's public API as the command line uses it. One thread.
#pragma once

#include "cli/config_file.hpp"
#include "common/http/client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <map>
#include <string>

namespace ardent::cli {

/// What flags said; empty fields are looked up in ARDENT_API_URL and ARDENT_TOKEN, then in
/// config.json, in this order.
struct ApiOptions {
    std::string url;
    std::string token;
    std::string token_file;
    std::string ca_file;
};

struct Login {
    std::string url;  // without a slash at its end
    std::string token;
    std::string ca_file;
    std::string token_from;  // for people: "ARDENT_TOKEN", "ardent login", ...
};

/// The built-in URL is http://127.0.0.1:8765. `token` is empty when there is none. Throws
/// base::Error (config) when the file of the token or config.json cannot be read.
Login look_up_login(const ApiOptions& options, const Variables& environment);

/// The same; throws Failure (not_authenticated) when there is no token.
Login find_login(const ApiOptions& options, const Variables& environment);

/// One request.
struct Call {
    std::string method;
    std::string path;  // with the query, already encoded
    std::string body{};
    std::map<std::string, std::string> headers{};
    std::chrono::milliseconds timeout{60000};  // for the whole call
};

class Api {
public:
    explicit Api(const Login& login);

    /// The body of a 2xx answer. Throws base::Error (transient) when the environment is out of
    /// reach or does not speak JSON, ApiRefusal for a refusal, with the environment's own words.
    nlohmann::json call(const Call& call);
    nlohmann::json call(const std::string& method, const std::string& path);
    nlohmann::json call(const std::string& method, const std::string& path,
                        const nlohmann::json& body);

    /// One cheap call: throws as `call` does when the environment or the token is not the right
    /// one.
    void check();

    const std::string& url() const noexcept { return m_url; }

private:
    std::string m_url;
    http::Client m_client;
};

}  // namespace ardent::cli
