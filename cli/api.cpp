// SPDX-License-Identifier: PostgreSQL
#include "cli/api.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/base/json.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/config/config.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

namespace {

constexpr const char* k_default_url = "http://127.0.0.1:8765";

using Variables = std::map<std::string, std::string>;

std::string variable(const Variables& environment, const std::string& name) {
    const auto at = environment.find(name);
    return at == environment.end() ? std::string() : at->second;
}

std::string config_folder(const Variables& environment) {
    const std::string home = variable(environment, "HOME");
    return home.empty() ? std::string() : home + "/.ardent";
}

json stored_login(const Variables& environment) {
    const std::string path = config_folder(environment) + "/config.json";
    std::ifstream file(path);
    if (!file) {
        return json::object();
    }
    std::ostringstream text;
    text << file.rdbuf();
    json stored = base::try_json(text.str());
    if (!stored.is_object()) {
        throw Error(ErrorKind::config, path + " is no JSON object",
                    "Remove it and run: ardent login --api-url <url> --token-file <file>");
    }
    return stored;
}

std::string text_of(const json& object, const char* name) {
    const auto at = object.find(name);
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

std::string detail_of(const http::Response& response) {
    const json body = base::try_json(response.body);
    std::string detail = body.is_object() ? text_of(body, "detail") : std::string();
    if (!detail.empty()) {
        return detail;
    }
    const std::string_view text = base::trim(response.body);
    return text.empty() ? "HTTP status " + std::to_string(response.status)
                        : base::clip_utf8(text, 300);
}

}  // namespace

Login find_login(const ApiOptions& options, const Variables& environment) {
    const json stored = stored_login(environment);
    Login login;
    login.url = first_of({options.url, variable(environment, "ARDENT_API_URL"),
                          text_of(stored, "api_url"), k_default_url});
    login.ca_file = first_of({options.ca_file, text_of(stored, "ca_file")});
    login.token = options.token_file.empty()
                      ? first_of({variable(environment, "ARDENT_TOKEN"), text_of(stored, "token")})
                      : config::read_secret(options.token_file);
    if (login.token.empty()) {
        throw Error(ErrorKind::config, "there is no token for " + login.url,
                    "Run: ardent login --api-url <url> --token-file <file>, or set ARDENT_TOKEN. "
                    "`ardent-environment init` printed the token once.");
    }
    return login;
}

void store_login(const Login& login, const Variables& environment) {
    const std::string folder = config_folder(environment);
    if (folder.empty()) {
        throw Error(ErrorKind::config, "HOME is not set, so there is no place for the login",
                    "Use ARDENT_API_URL and ARDENT_TOKEN instead.");
    }
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        throw Error(ErrorKind::config, "cannot make " + folder + ": " + std::strerror(errno));
    }
    const std::string text =
        json{{"api_url", login.url}, {"token", login.token}, {"ca_file", login.ca_file}}.dump(2) +
        "\n";
    const std::string path = folder + "/config.json";
    const std::string fresh = path + ".new";
    base::Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    const bool written =
        file.valid() && fchmod(file.get(), 0600) == 0 &&
        write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        rename(fresh.c_str(), path.c_str()) == 0;
    if (!written) {
        throw Error(ErrorKind::config, "cannot write " + path + ": " + std::strerror(errno));
    }
}

Api::Api(const Login& login) : m_url(login.url), m_client(client_options(login)) {}

json Api::call(const std::string& method, const std::string& path) {
    return send(method, path, {});
}

json Api::call(const std::string& method, const std::string& path, const json& body) {
    return send(method, path, body.dump());
}

void Api::check() {
    call("GET", "/v1/connectors?org_id=org_default");
}

json Api::send(const std::string& method, const std::string& path, const std::string& body) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    const http::Response response = m_client.send(request);
    if (response.status == 401 || response.status == 403) {
        throw Error(ErrorKind::replica, m_url + " refuses the token: " + detail_of(response),
                    "Run `ardent login` with the token that `ardent-environment init` printed.");
    }
    if (response.status < 200 || response.status > 299) {
        throw Error(http::is_retryable(response.status) ? ErrorKind::transient : ErrorKind::replica,
                    detail_of(response));
    }
    const json answer = base::try_json(response.body);
    if (answer.is_discarded() && !response.body.empty()) {
        throw Error(ErrorKind::transient, m_url + path + " did not answer with JSON",
                    "Is this the address of an Ardent environment?");
    }
    return response.body.empty() ? json::object() : answer;
}

}  // namespace ardent::cli
