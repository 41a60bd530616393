// SPDX-License-Identifier: PostgreSQL
#include "cli/failure.hpp"
#include "cli/settings.hpp"

#include "tests/support/catch.hpp"

using namespace ardent;
using namespace ardent::cli;

TEST_CASE("SQL is shown as one line, without what stands in strings", "[cli]") {
    CHECK(shown_sql("-- mask\nUPDATE users\n   SET email = 'a@b' || id,\tname = $$x$$") ==
          "UPDATE users SET email = '…' || id, name = '…'");
    CHECK(shown_sql("SELECT a.b(1)") == "SELECT a.b(1)");
    CHECK(shown_sql("CREATE ROLE x PASSWORD E'a\\'b'") == "CREATE ROLE x PASSWORD '…'");
    CHECK(shown_sql("SELECT " + std::string(200, 'x')).size() <= 63);
    CHECK(shown_sql("-- nothing").empty());
}

TEST_CASE("a script's file is named in what is wrong with it", "[cli]") {
    try {
        read_script("/nowhere/mask.sql");
        FAIL("it was read");
    } catch (const Failure& failure) {
        CHECK(failure.code() == "invalid_arguments");
        CHECK(std::string(failure.what()).find("/nowhere/mask.sql cannot be read") == 0);
    }
}
