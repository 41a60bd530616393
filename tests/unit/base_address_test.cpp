// SPDX-License-Identifier: PostgreSQL
#include "common/base/address.hpp"

#include "tests/support/catch.hpp"

using ardent::base::is_loopback;

TEST_CASE("what is a loopback address", "[base]") {
    for (const char* host :
         {"localhost", "LocalHost", "127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"}) {
        CAPTURE(host);
        CHECK(is_loopback(host));
    }
    for (const char* host :
         {"", "/tmp", "@abstract", "0.0.0.0", "::", "10.0.0.1", "db.example.com", "fd00::1",
          "::ffff:10.0.0.1", "localhost.example.com", "127.example.com", "127.0.0.1.example.com"}) {
        CAPTURE(host);
        CHECK_FALSE(is_loopback(host));
    }
}
