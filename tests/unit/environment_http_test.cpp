// SPDX-License-Identifier: PostgreSQL
#include "environment/api/openapi.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace ardent;
using namespace ardent::environment;

namespace {

Router example_router() {
    Router router;
    const auto say = [](const std::string& word) {
        return [word](const HttpRequest&) { return HttpResponse{.body = word}; };
    };
    router.add({"GET", "/v1/connectors", Access::admin, 0, say("list")});
    router.add({"POST", "/v1/connectors", Access::admin, 10, say("create")});
    router.add({"GET", "/v1/connectors/{connector_id}", Access::admin, 0, say("one")});
    router.add({"GET", "/v1/connectors/{connector_id}/agent/copy/{copy_id}", Access::agent, 0,
                say("copy")});
    return router;
}

std::string call(const Router& router, const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    return router.find(request).handler(request).body;
}

int status_of(const Router& router, const std::string& method, const std::string& path) {
    try {
        call(router, method, path);
    } catch (const HttpError& error) {
        return error.status();
    }
    return 200;
}

template <class Throw>
HttpResponse answer_to(Throw&& raise) {
    try {
        raise();
    } catch (...) {
        return response_for_exception();
    }
    return {};
}

}  // namespace

TEST_CASE("a route is found by method and path, with its arguments", "[environment]") {
    const Router router = example_router();
    CHECK(call(router, "GET", "/v1/connectors") == "list");
    CHECK(call(router, "POST", "/v1/connectors") == "create");
    CHECK(call(router, "GET", "/v1/connectors/abc") == "one");
    HttpRequest request;
    request.method = "GET";
    request.path = "/v1/connectors/abc/agent/copy/77";
    CHECK(router.find(request).access == Access::agent);
    CHECK(request.argument("connector_id") == "abc");
    CHECK(request.argument("copy_id") == "77");
}

TEST_CASE("an unknown path is 404, a known one with another method 405", "[environment]") {
    const Router router = example_router();
    CHECK(status_of(router, "GET", "/v1") == 404);
    CHECK(status_of(router, "GET", "/v1/connectors/") == 404);
    CHECK(status_of(router, "GET", "/v1/connectors/a/b") == 404);
    CHECK(status_of(router, "DELETE", "/v1/connectors") == 405);
    CHECK(status_of(router, "PATCH", "/v1/connectors/abc") == 405);
}

TEST_CASE("what a handler throws becomes the documented answer", "[environment]") {
    using base::Error;
    using base::ErrorKind;
    const auto unknown = answer_to([] { throw HttpError(409, "session_unknown", "say hello"); });
    CHECK(unknown.status == 409);
    CHECK(unknown.body == R"({"code":"session_unknown","detail":"say hello"})");
    CHECK(answer_to([] { throw HttpError(405, "", "no"); }).body == R"({"detail":"no"})");
    CHECK(answer_to([] { throw Error(ErrorKind::transient, "away", "wait"); }).status == 503);
    CHECK(answer_to([] { throw Error(ErrorKind::config, "bad"); }).status == 400);
    CHECK(answer_to([] { throw Error(ErrorKind::replica, "bad"); }).status == 409);
    CHECK(answer_to([] { throw Error(ErrorKind::bug, "bad"); }).status == 500);
    const auto other = answer_to([] { throw std::runtime_error("\xff broken \"text\""); });
    CHECK(other.status == 500);
    CHECK(nlohmann::json::accept(other.body));
}

TEST_CASE("the OpenAPI document is JSON and every reference in it is there", "[environment]") {
    const auto document = nlohmann::json::parse(openapi_json());
    CHECK(document["openapi"] == "3.1.0");
    CHECK(document["paths"].contains("/v1/connectors/{connector_id}/agent/segments"));
    std::size_t references = 0;
    const std::function<void(const nlohmann::json&)> walk = [&](const nlohmann::json& node) {
        if (node.is_object() && node.contains("$ref")) {
            const std::string to = node["$ref"].get<std::string>();
            INFO(to);
            REQUIRE(to.starts_with("#/"));
            CHECK(document.contains(nlohmann::json::json_pointer(to.substr(1))));
            ++references;
        }
        for (const auto& child : node) {
            if (child.is_structured()) {
                walk(child);
            }
        }
    };
    walk(document);
    CHECK(references > 50);
}

TEST_CASE("a token is 256 random bits and known again by its hash only", "[environment]") {
    init_secrets();
    const std::string token = make_token("ard_agent_");
    CHECK(token.size() == 10 + 64);
    CHECK(token != make_token("ard_agent_"));
    const std::string hash = token_hash(token);
    CHECK(hash.size() == 64);
    CHECK(hash.find(token.substr(10)) == std::string::npos);
    CHECK(token_matches(token, hash));
    CHECK_FALSE(token_matches(token + "x", hash));
    CHECK_FALSE(token_matches("", hash));
    CHECK_FALSE(token_matches(token, ""));
    // SHA-256 of "abc", FIPS 180-2 appendix B.1
    CHECK(token_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
