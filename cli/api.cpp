// SPDX-License-Identifier: PostgreSQL
#include "cli/api.hpp"

#include "cli/failure.hpp"
#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/config/config.hpp"

#include <utility>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

namespace {

constexpr const char* k_default_url = "http://127.0.0.1:8765";
constexpr long k_bad_request = 400;
constexpr long k_unauthorized = 401;
constexpr long k_forbidden = 403;
constexpr long k_first_of_server = 500;

std::string text_of(const json& object, const char* name) {
    const auto at = object.is_object() ? object.find(name) : object.end();
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string first_of(std::initializer_list<std::string> candidates) {
    for (const std::string& candidate : candidates) {
        if (!candidate.empty()) {
            return candidate;
        }
    }
    return {};
}

http::ClientOptions client_options(const Login& login) {
    http::ClientOptions options;
    options.base_url = login.url;
    options.token = login.token;
    options.ca_file = login.ca_file;
    options.user_agent = std::string("ardent/") + base::version();
    return options;
}

std::string detail_of(const http::Response& response, const json& body) {
    std::string detail = text_of(body, "detail");
    if (!detail.empty()) {
        return detail;
    }
    const std::string_view text = base::trim(response.body);
    return text.empty() ? "HTTP status " + std::to_string(response.status)
                        : base::clip_utf8(text, 300);
}

/// Where the environment has failed, or somebody else has answered.
std::string way_on(long status, const json& body) {
    if (status >= k_first_of_server) {
        return "Run the same command again. The environment's log says more.";
    }
    const bool own = !text_of(body, "code").empty() ||
                     (!text_of(body, "detail").empty() && status == k_bad_request);
    return own ? "" : k_which_environment;
}

[[noreturn]] void refuse(const std::string& url, const http::Response& response) {
    const json body = base::try_json(response.body);
    const std::string detail = detail_of(response, body);
    ApiRefusal::Answer answer{response.status, text_of(body, "code"),
                              text_of(body, "operation_id")};
    if (response.status == k_unauthorized || response.status == k_forbidden) {
        throw ApiRefusal(
            "not_authenticated", std::move(answer), url + " refuses the token: " + detail,
            "Run `ardent login` with the token that `ardent-environment init` printed.",
            ErrorKind::replica);
    }
    const std::string hint = first_of({text_of(body, "hint"), way_on(response.status, body)});
    throw ApiRefusal(
        "api_error", std::move(answer), detail, hint,
        http::is_retryable(response.status) ? ErrorKind::transient : ErrorKind::replica);
}

http::Response send(http::Client& client, const http::Request& request) {
    try {
        return client.send(request);
    } catch (const Error& error) {
        const bool transient = error.kind() == ErrorKind::transient;
        if (!error.hint().empty() || (!transient && error.kind() != ErrorKind::config)) {
            throw;
        }
        throw Error(error.kind(), error.what(),
                    transient ? "Does the environment run, and is this its address? ardent status"
                              : "Name the authority of the environment's certificate: --ca-file");
    }
}

void add_token(Login& login, const ApiOptions& options, const Variables& environment,
               const Config& stored) {
    if (!options.token.empty()) {
        login.token = options.token;
        login.token_from = "--token";
    } else if (!options.token_file.empty()) {
        login.token = config::read_secret(options.token_file);
        login.token_from = options.token_file;
    } else if (const std::string token = variable(environment, "ARDENT_TOKEN"); !token.empty()) {
        login.token = token;
        login.token_from = "ARDENT_TOKEN";
    } else if (!stored.token.empty()) {
        login.token = stored.token;
        login.token_from = "ardent login";
    }
}

}  // namespace

Login look_up_login(const ApiOptions& options, const Variables& environment) {
    const Config stored = read_config(environment);
    Login login;
    login.url = first_of(
        {options.url, variable(environment, "ARDENT_API_URL"), stored.api_url, k_default_url});
    while (login.url.size() > 1 && login.url.back() == '/') {
        login.url.pop_back();
    }
    login.ca_file = first_of({options.ca_file, stored.ca_file});
    add_token(login, options, environment, stored);
    return login;
}

Login find_login(const ApiOptions& options, const Variables& environment) {
    Login login = look_up_login(options, environment);
    if (login.token.empty()) {
        throw Failure("not_authenticated", "there is no token for " + login.url,
                      "Run: ardent login --url <url> --token-file <file>, or set ARDENT_TOKEN. "
                      "`ardent-environment init` printed the token once.");
    }
    return login;
}

Api::Api(const Login& login) : m_url(login.url), m_client(client_options(login)) {}

json Api::call(const std::string& method, const std::string& path) {
    return call(Call{method, path});
}

json Api::call(const std::string& method, const std::string& path, const json& body) {
    return call(Call{method, path, body.dump()});
}

void Api::check() {
    call("GET", "/v1/connectors?org_id=org_default");
}

json Api::call(const Call& call) {
    http::Request request;
    request.method = call.method;
    request.path = call.path;
    request.body = call.body;
    request.headers = call.headers;
    request.timeout = call.timeout;
    const http::Response response = send(m_client, request);
    if (response.status < 200 || response.status > 299) {
        refuse(m_url, response);
    }
    json answer = base::try_json(response.body);
    if (answer.is_discarded() && !response.body.empty()) {
        throw Error(ErrorKind::transient, m_url + call.path + " did not answer with JSON",
                    "Is this the address of an Ardent environment?");
    }
    return response.body.empty() ? json::object() : answer;
}

}  // namespace ardent::cli
