// SPDX-License-Identifier: PostgreSQL
#include "common/ddl/script.hpp"

#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace ardent::ddl;

namespace {

std::vector<std::string> cut(std::string_view script, bool standard_strings = true) {
    std::vector<std::string> statements;
    for (auto next = next_statement(script, 0, standard_strings); next;
         next = next_statement(script, next->next, standard_strings)) {
        CHECK(script.substr(next->begin, next->text.size()) == next->text);
        statements.emplace_back(next->text);
    }
    return statements;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a script is cut at its semicolons, and what is empty is no statement", "[ddl]") {
    CHECK(cut("SELECT 1; SELECT 2;\n") == Texts{"SELECT 1", "SELECT 2"});
    CHECK(cut("SELECT 1") == Texts{"SELECT 1"});
    CHECK(cut(";; -- nothing; at all\n; /* ; */ ;").empty());
    CHECK(cut("").empty());
    CHECK(cut("SELECT 1 -- one; two\n + 1 /* ; /* ; */ ; */;SELECT 2") ==
          Texts{"SELECT 1 -- one; two\n + 1", "SELECT 2"});
}

TEST_CASE("a semicolon in a string, a name or a body ends nothing", "[ddl]") {
    CHECK(cut("SELECT ';', \"a;b\", $$;$$, $x$;$$;$x$; SELECT 2").size() == 2);
    CHECK(cut("SELECT E'\\';', U&'\\0041;'; SELECT 2").size() == 2);
    CHECK(cut("SELECT 'it''s;'; SELECT 2").size() == 2);
    // where backslashes are escapes, and where they are not
    CHECK(cut("SELECT 'a\\'; SELECT 2'").size() == 2);
    CHECK(cut("SELECT 'a\\'; SELECT 2'", false).size() == 1);
    // a string goes on behind a line feed with the escapes that it began with
    CHECK(cut("SELECT E'a'\n 'b\\'; c'; SELECT 2").size() == 2);
    CHECK(cut("SELECT E'a' 'b\\'; SELECT 2").size() == 2);
    CHECK(
        cut("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b); SELECT 2").size() ==
        2);
    CHECK(cut("SELECT 'open; SELECT 2").size() == 1);
}

TEST_CASE("a parenthesis too many spoils its own statement alone", "[ddl]") {
    CHECK(cut("SELECT 1); SELECT (2; 3); SELECT 4") ==
          Texts{"SELECT 1)", "SELECT (2; 3)", "SELECT 4"});
}

// github.com/supabase/cli issues 610, 4746, 5020 and 6562: a seed that psql takes was cut in the
// body of a function, or not cut at all because a name had "atomic" in it.
TEST_CASE("the body of BEGIN ATOMIC ends at its END, wherever else the words stand", "[ddl]") {
    CHECK(cut("CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; "
              "SELECT 3") ==
          Texts{"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
                "SELECT 3"});
    CHECK(cut("create or replace procedure p()\nbegin atomic\nselect 1 as pending;\nselect case "
              "when true then 1 end;\n"
              "select 1 as end;\n-- end;\n/* end; */ end; select 3")
              .size() == 2);
    CHECK(cut("CREATE FUNCTION fn_atomic() RETURNS void LANGUAGE plpgsql AS $$ BEGIN NULL; END; "
              "$$; SELECT 1")
              .size() == 2);
    CHECK(cut("CREATE TABLE atomic (begin int, atomic int); SELECT begin FROM atomic; SELECT 3")
              .size() == 3);
    CHECK(cut("BEGIN; SELECT 1; END; SELECT 2").size() == 4);
    CHECK(cut("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1; SELECT 2").size() == 2);
    CHECK(cut("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END; SELECT 2").size() == 2);
    CHECK(cut("CREATE FUNCTION \"or\"() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2").size() ==
          2);
    CHECK(cut("CREATE VIEW v AS SELECT begin atomic FROM t; SELECT 2").size() == 2);
}

TEST_CASE("a psql command is seen, and where", "[ddl]") {
    CHECK(next_statement("SELECT 1 \\gset", 0, true)->backslash == std::size_t{9});
    CHECK(next_statement("\\connect other", 0, true)->backslash == std::size_t{0});
    CHECK_FALSE(next_statement("SELECT '\\d', \"\\d\", $$\\d$$ -- \\d", 0, true)->backslash);
}

TEST_CASE("lines count from 1", "[ddl]") {
    const std::string_view script = "SELECT 1;\n\nSELECT 2;\r\nSELECT 3";
    CHECK(line_of(script, 0) == 1);
    CHECK(line_of(script, script.find("SELECT 2")) == 3);
    CHECK(line_of(script, script.find("SELECT 3")) == 4);
}
