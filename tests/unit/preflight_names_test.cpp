// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/names.hpp"

#include "common/base/error.hpp"
#include "common/preflight/preflight.hpp"

#include "tests/support/catch.hpp"

using namespace ardent;
using namespace ardent::preflight;

using Names = std::vector<std::string>;

TEST_CASE("a list of schemas is read as search_path is", "[preflight]") {
    CHECK(parse_schema_list("public,billing") == Names{"public", "billing"});
    CHECK(parse_schema_list(" Public , \"Mixed Case\"\t,x ") == Names{"public", "Mixed Case", "x"});
    CHECK(parse_schema_list("\"a,b\",\"say \"\"hi\"\"\"") == Names{"a,b", "say \"hi\""});
    CHECK(parse_schema_list("a,A,\"a\",\"A\"") == Names{"a", "A"});
    CHECK(parse_schema_list("na\xC3\x8Fve") == Names{"na\xC3\x8Fve"});  // only ASCII folds
}

TEST_CASE("names are cut to 63 bytes on a character's border", "[preflight]") {
    CHECK(parse_schema_list(std::string(70, 'x')) == Names{std::string(63, 'x')});
    std::string accents;
    for (int i = 0; i < 40; ++i) {
        accents += "\xC3\xA9";
    }
    CHECK(parse_schema_list(accents).front().size() == 62);
    CHECK(parse_schema_list(std::string(70, '\xE9')).front().size() == 63);  // a LATIN1 database
}

TEST_CASE("a list that cannot be read or is empty is 22023 with a hint", "[preflight]") {
    for (const char* const text : {"", "   ", "a b", "a,", ",a", "a,,b", "\"a", "\"\"", "\"a\"b"}) {
        CAPTURE(text);
        try {
            parse_schema_list(text);
            FAIL("no error");
        } catch (const base::Error& e) {
            CHECK(e.sqlstate() == "22023");
            CHECK_FALSE(e.hint().empty());
        }
    }
}

TEST_CASE("10,000 names are no burden", "[preflight]") {
    std::string text = "s0";
    for (int i = 1; i < 10000; ++i) {
        text += ",s" + std::to_string(i);
    }
    CHECK(parse_schema_list(text).size() == 10000);
}

TEST_CASE("quoting leaves no way out", "[preflight]") {
    CHECK(quote_identifier("a\"; DROP TABLE b; --") == "\"a\"\"; DROP TABLE b; --\"");
    CHECK(quote_literal("it's") == "'it''s'");
    CHECK(quote_literal("back\\slash'") == " E'back\\\\slash'''");
    CHECK(array_text({"a", "b\"c", "d\\e", "", "f,g", "NULL"}) ==
          R"({"a","b\"c","d\\e","","f,g","NULL"})");
    CHECK(array_text({}) == "{}");
    CHECK(comment_text("a\nDROP TABLE b;\r") == "a DROP TABLE b; ");
}

TEST_CASE("decisions are the product's three words", "[preflight]") {
    CHECK(parse_decision("exclude") == Decision::exclude);
    CHECK(parse_decision("add_pk") == Decision::add_pk);
    CHECK(parse_decision("replica_identity_full") == Decision::replica_identity_full);
    CHECK_THROWS_AS(parse_decision("EXCLUDE"), base::Error);
    CHECK_THROWS_AS(parse_decision(""), base::Error);
}

TEST_CASE("an exclusion fits the plain and the quoted name, another decision does not exclude",
          "[preflight]") {
    Accept accept;
    accept.decisions = {{"public.T", Decision::exclude},
                        {"public.\"U\"", Decision::exclude},
                        {"public.v", Decision::add_pk}};
    CHECK(accept.excludes("public.T", "public.\"T\""));
    CHECK(accept.excludes("public.U", "public.\"U\""));
    CHECK_FALSE(accept.excludes("public.v", "public.v"));
    CHECK_FALSE(accept.excludes("public.w", "public.w"));
}
