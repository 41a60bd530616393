// SPDX-License-Identifier: PostgreSQL
// The environment's public API as the command line uses it. One thread.
#pragma once

#include "common/http/client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>

namespace ardent::cli {

/// What flags said; empty fields are looked up in ARDENT_API_URL and ARDENT_TOKEN, then in the
/// configuration file (~/.ardent/config.json), in this order.
struct ApiOptions {
    std::string url;
    std::string token_file;
    std::string ca_file;
};

struct Login {
    std::string url;
    std::string token;
    std::string ca_file;
};

/// The built-in URL is http://127.0.0.1:8765. Throws base::Error (config) when there is no token or the file is unreadable.
Login find_login(const ApiOptions& options, const std::map<std::string, std::string>& environment);

/// Writes ~/.ardent/config.json with mode 0600.
void store_login(const Login& login, const std::map<std::string, std::string>& environment);

class Api {
public:
    explicit Api(const Login& login);

    /// The body of a 2xx answer. Throws base::Error: transient when the environment is out of reach,
    /// replica for a refusal, with the environment's own words.
    nlohmann::json call(const std::string& method, const std::string& path);
    nlohmann::json call(const std::string& method, const std::string& path,
                        const nlohmann::json& body);

    /// One cheap call: throws as `call` does when the environment or the token is not the right one.
    void check();

private:
    nlohmann::json send(const std::string& method, const std::string& path,
                        const std::string& body);

    std::string m_url;
    http::Client m_client;
};

}  // namespace ardent::cli
