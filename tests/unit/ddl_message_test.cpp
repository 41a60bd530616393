// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "common/ddl/envelope.hpp"
#include "common/ddl/statement_text.hpp"

#include <string>
#include <vector>

namespace {

using namespace ardent;

std::string valid_message() {
    return R"({"version":1,"key":"0123456789abcdef","hmac":")" + std::string(64, 'a') +
           R"(","body":{"kind":"ddl"}})";
}

std::string masked(const std::string& text, const ddl::Masking& masking = {}) {
    return ddl::mask_secrets(text, masking).value_or("(nothing)");
}

}  // namespace

TEST_CASE("ddl envelope: what is written is read again") {
    const std::string message = valid_message();
    const auto envelope = ddl::parse_envelope(message);
    REQUIRE(envelope);
    CHECK(envelope->version == "1");
    CHECK(envelope->key_id == "0123456789abcdef");
    CHECK(envelope->code == std::string(64, 'a'));
    CHECK(envelope->body == R"({"kind":"ddl"})");
    CHECK(message.find(R"({"kind")") == 119);
}

TEST_CASE("ddl envelope: nothing but the exact form is one") {
    const std::string message = valid_message();
    for (std::size_t length = 0; length < message.size(); ++length) {
        CHECK_FALSE(ddl::parse_envelope(message.substr(0, length)));
    }
    for (const char* const wrong : {R"({"version": 1)", R"({"version":1x)", R"( {"version":1)"}) {
        CHECK_FALSE(ddl::parse_envelope(wrong + message.substr(12)));
    }
    std::string upper = message;
    upper[22] = 'A';
    CHECK_FALSE(ddl::parse_envelope(upper));
    CHECK_FALSE(ddl::parse_envelope(message + " "));
}

TEST_CASE("ddl envelope: the signed bytes begin with prefix, version and key") {
    CHECK(ddl::signed_head("1", "0123456789abcdef") == "ardent.ddl\n1\n0123456789abcdef\n");
}

TEST_CASE("ddl statement text: what stands around a statement is left out") {
    CHECK(ddl::trim_statement("  -- first\n /* a /* nested */ one */ CREATE TABLE t() ; \n") ==
          "CREATE TABLE t()");
    CHECK(ddl::trim_statement("DROP TABLE t -- why") == "DROP TABLE t -- why");
    CHECK(ddl::trim_statement("").empty());
    CHECK(ddl::trim_statement("/* open").empty());
}

TEST_CASE("ddl statement text: secrets are masked, nothing else is") {
    ddl::Masking mapping;
    mapping.every_option = true;
    CHECK(masked("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'bob', password 'x''y')",
                 mapping) ==
          "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'bob', password '***')");
    CHECK(masked("ALTER USER MAPPING FOR a SERVER s OPTIONS (SET other $q$x$q$, ADD \"User\" 'u')",
                 mapping) ==
          "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET other '***', ADD \"User\" 'u')");
    CHECK(
        masked("CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', sslpassword E'a\\'b')") ==
        "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', sslpassword '***')");
    CHECK(masked("ALTER SERVER s OPTIONS (SET token 'a' -- note\n 'b', host 'c')") ==
          "ALTER SERVER s OPTIONS (SET token '***' -- note\n '***', host 'c')");
    ddl::Masking subscription;
    subscription.connection = true;
    CHECK(masked("CREATE SUBSCRIPTION s CONNECTION 'host=h password=p' PUBLICATION \"connection\"",
                 subscription) ==
          "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION \"connection\"");
}

TEST_CASE("ddl statement text: strings that only look like secrets stay") {
    for (const char* const text :
         {"CREATE FUNCTION f() RETURNS text AS 'OPTIONS (password ''x'')' LANGUAGE sql",
          "CREATE FUNCTION f() RETURNS text AS $f$ SELECT 'OPTIONS (password $$x$$)' $f$",
          "COMMENT ON TABLE t IS 'password'", "CREATE TABLE t(password text DEFAULT 'x')",
          "CREATE VIEW v AS SELECT 'a' AS connection /* OPTIONS (password 'x') */",
          "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'password', \"a;b\" '')"}) {
        CHECK(masked(text) == "(nothing)");
    }
}

TEST_CASE("ddl statement text: backslashes escape where the session says so") {
    ddl::Masking masking;
    const std::string text = "CREATE SERVER s OPTIONS (host 'a\\', password ', password 'secret')";
    masking.backslashes = true;
    CHECK(masked(text, masking) ==
          "CREATE SERVER s OPTIONS (host 'a\\', password ', password '***')");
}
