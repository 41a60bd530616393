// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/http/client.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::http;
using ardent::base::Error;
using ardent::base::ErrorKind;

namespace {

ErrorKind refusal_of(const std::string& url) {
    try {
        ClientOptions options;
        options.base_url = url;
        const Client client(options);
    } catch (const Error& e) {
        return e.kind();
    }
    return ErrorKind::bug;
}

}  // namespace

TEST_CASE("plain HTTP goes to loopback addresses only", "[http]") {
    CHECK(refusal_of("http://127.0.0.1:8080") == ErrorKind::bug);
    CHECK(refusal_of("http://localhost") == ErrorKind::bug);
    CHECK(refusal_of("http://[::1]:80/") == ErrorKind::bug);
    CHECK(refusal_of("https://env.example.com:8443") == ErrorKind::bug);
    CHECK(refusal_of("http://env.example.com") == ErrorKind::config);
    CHECK(refusal_of("http://127.0.0.1.example.com") == ErrorKind::config);
    CHECK(refusal_of("ftp://127.0.0.1") == ErrorKind::config);
    CHECK(refusal_of("") == ErrorKind::config);
}

TEST_CASE("a refused connection is transient and says where", "[http]") {
    ClientOptions options;
    options.base_url = "http://127.0.0.1:1";
    options.token = "secret-token";
    Client client(options);
    try {
        client.send({.path = "/healthz"});
        FAIL("nobody listens on port 1");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::transient);
        CHECK_THAT(e.what(), Catch::Contains("http://127.0.0.1:1/healthz"));
        CHECK_THAT(e.what(), !Catch::Contains("secret-token"));
    }
}

TEST_CASE("path parts are percent-encoded", "[http]") {
    CHECK(encode_component("a b/c?d=\xC3\xA9") == "a%20b%2Fc%3Fd%3D%C3%A9");
    CHECK(encode_component("safe-_.~") == "safe-_.~");
}
