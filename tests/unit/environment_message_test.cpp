// SPDX-License-Identifier: PostgreSQL
#include "environment/server/message.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::environment;

namespace {

RequestHead head_of(const std::string& lines) {
    const std::string bytes = lines + "\r\n";
    REQUIRE(find_head_end(bytes, 0) == bytes.size());
    return parse_head(bytes);
}

int refusal_of(const std::string& lines) {
    try {
        parse_head(lines + "\r\n");
    } catch (const HttpError& error) {
        return error.status();
    }
    return 200;
}

std::string headers(std::size_t count) {
    std::string lines = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 0; i < count; ++i) {
        lines += "X: a\r\n";
    }
    return lines;
}

}  // namespace

TEST_CASE("a target is path and query, decoded", "[environment]") {
    const auto plain = parse_target("/v1/x");
    REQUIRE(plain);
    CHECK(plain->path == "/v1/x");
    CHECK(plain->query.empty());
    const auto full =
        parse_target("/a%20b+c/%C3%A9?wait=5&after=0%2F16B3748&name=a+b&wait=7&flag&=x");
    REQUIRE(full);
    CHECK(full->path == "/a b+c/\xC3\xA9");
    CHECK(full->query == std::map<std::string, std::string>{
                             {"wait", "5"}, {"after", "0/16B3748"}, {"name", "a b"}, {"flag", ""}});
    for (const char* const bad :
         {"", "*", "v1", "http://x/v1", "/%", "/%4", "/%zz", "/%00", "/a\n", "/?a=%1", "/?%0a=1"}) {
        INFO(bad);
        CHECK_FALSE(parse_target(bad));
    }
}

TEST_CASE("the head of a request is read", "[environment]") {
    const RequestHead head = head_of(
        "POST /v1/connectors?x=1 HTTP/1.1\r\nHost: x\r\nauthorization: Bearer  key \r\n"
        "Content-Length: 12\r\nExpect: 100-Continue\r\n");
    CHECK(head.request.method == "POST");
    CHECK(head.request.path == "/v1/connectors");
    CHECK(head.request.query.at("x") == "1");
    CHECK(head.request.bearer == "key");
    CHECK(head.request.content_length == 12);
    CHECK(head.keep_alive);
    CHECK(head.expects_continue);
    CHECK_FALSE(head.without_body);
    CHECK(head_of("GET / HTTP/1.1\r\nAuthorization: Basic key\r\n").request.bearer.empty());
    CHECK_FALSE(head_of("GET / HTTP/1.1\r\nConnection: close\r\n").keep_alive);
    CHECK_FALSE(head_of("GET / HTTP/1.0\r\n").keep_alive);
    CHECK(head_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n").transfer_encoding);
    CHECK(head_of("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n").content_encoding);
    const RequestHead quiet = head_of("HEAD /healthz HTTP/1.1\r\n");
    CHECK(quiet.request.method == "GET");
    CHECK(quiet.without_body);
    CHECK(head_of("FOO / HTTP/1.1\r\n").request.method == "FOO");
}

TEST_CASE("of the other headers a handler sees those that it may ask for", "[environment]") {
    const HttpRequest request =
        head_of("POST / HTTP/1.1\r\nX-IDEMPOTENCY-key:  a b \r\nX-Other: c\r\n").request;
    CHECK(request.header("x-idempotency-key") == "a b");
    CHECK_FALSE(request.header("x-other"));
    CHECK(
        head_of("POST / HTTP/1.1\r\nX-Idempotency-Key:\r\n").request.header("x-idempotency-key") ==
        "");
    CHECK_FALSE(head_of("POST / HTTP/1.1\r\n").request.header("x-idempotency-key"));
    CHECK(refusal_of("POST / HTTP/1.1\r\nX-Idempotency-Key: a\r\nx-idempotency-key: a\r\n") == 400);
}

TEST_CASE("what is no head, or too much of one, is refused", "[environment]") {
    for (const char* const bad :
         {"no HTTP at all\r\n", "GET /\r\n", "GET / HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n",
          "GET / HTTP/1.1\r\nno colon\r\n", "GET / HTTP/1.1\r\nX: a\r\n Content-Length: 43\r\n",
          "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n", "GET / HTTP/1.1\r\nA: b\nC: d\r\n",
          "GET / HTTP/1.1\r\nContent-Length: -1\r\n", "GET / HTTP/1.1\r\nContent-Length: +4\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
          "GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n", "GET /%zz HTTP/1.1\r\n"}) {
        INFO(bad);
        CHECK(refusal_of(bad) == 400);
    }
    CHECK(refusal_of(headers(k_head_fields)) == 200);
    CHECK(refusal_of(headers(k_head_fields + 1)) == 431);
    CHECK(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(k_head_bytes, 'a') + "\r\n") == 431);
}

TEST_CASE("the end of a head is found however it comes", "[environment]") {
    const std::string bytes = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n";
    const std::size_t end = bytes.find("body");
    for (std::size_t came = 0; came <= bytes.size(); ++came) {
        for (std::size_t looked = 0; looked <= std::min(came, end - 1); ++looked) {
            const std::size_t found =
                find_head_end(std::string_view(bytes).substr(0, came), looked);
            CHECK(found == (came >= end ? end : std::string::npos));
        }
    }
}

TEST_CASE("an answer is written with its length", "[environment]") {
    const HttpResponse response{.status = 404, .body = "{}", .headers = {{"X-A", "b"}}};
    CHECK(to_bytes(response, "s/1", true, false) ==
          "HTTP/1.1 404 Not Found\r\nServer: s/1\r\nX-A: b\r\nContent-Type: application/json\r\n"
          "Content-Length: 2\r\nConnection: keep-alive\r\n\r\n{}");
    CHECK(to_bytes(response, "s/1", false, true)
              .ends_with("Content-Length: 2\r\nConnection: close\r\n\r\n"));
}
