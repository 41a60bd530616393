// SPDX-License-Identifier: PostgreSQL
#include "common/pq/connection.hpp"
#include "environment/branch/hook_failure.hpp"
#include "environment/branch/setting_rules.hpp"
#include "environment/state/record_json.hpp"

#include "tests/support/catch.hpp"

#include <string>

using namespace ardent;
using namespace ardent::environment;

namespace {

std::string failure(const std::string& sqlstate, const std::string& primary,
                    std::string_view statement) {
    const base::Error error(base::ErrorKind::replica, "branch b: " + primary, "", sqlstate);
    return failure_text(pq::QueryError(error, {primary, "", false}), statement, true);
}

}  // namespace

TEST_CASE("a failed hook tells no literal of its own", "[environment]") {
    CHECK(without_literals("type \"hunter2\" does not exist", "SELECT 'hunter2'::regtype", true) ==
          "type \"…\" does not exist");
    CHECK(without_literals("it's me", "SELECT 'it''s me'", true) == "…");
    CHECK(without_literals("a\tb it's", "SELECT E'a\tb it\\'s'", true) == "…");
    CHECK(without_literals("one two", "SELECT 'one\ntwo'", true) == "…");
    // inside of a body, the longer one first
    CHECK(without_literals("no secret-one, no secret",
                           "DO $x$ BEGIN a('secret'); b($y$secret-one$y$); END $x$",
                           true) == "no …, no …");
    // a short one is no word of its own
    CHECK(without_literals("table t: \"t\" is wrong", "SELECT 't'", true) ==
          "table t: \"…\" is wrong");
    CHECK(without_literals("unterminated at 'abcd; SELECT", "SELECT 'abcd; SELECT", true) ==
          "unterminated at '…");
    CHECK(without_literals("nothing", "SELECT ''", true) == "nothing");
}

TEST_CASE("a failed hook tells its SQLSTATE, and of a syntax error no text", "[environment]") {
    CHECK(failure("42601", "syntax error at or near \"4111111111111111\"",
                  "SELECT 1 4111111111111111") == "syntax error (SQLSTATE 42601)");
    CHECK(failure("42601", "unterminated quoted string at or near \"'abc\"", "SELECT 'abc") ==
          "unterminated quoted string (SQLSTATE 42601)");
    CHECK(failure("42P01", "relation \"users\" does not exist", "UPDATE users SET a = 'secret'") ==
          "branch b: relation \"users\" does not exist (SQLSTATE 42P01)");
    CHECK(failure("42704", "type \"secret\" does not exist", "SELECT 'secret'::regtype") ==
          "branch b: type \"…\" does not exist (SQLSTATE 42704)");
    CHECK(failure("23505", "x (SQLSTATE 23505, table a.b)", "INSERT INTO b VALUES (1)") ==
          "branch b: x (SQLSTATE 23505, table a.b)");
    CHECK(to_string(HookPlace{"mask", 3, 12}) == "hook mask, statement 3 (line 12)");
}

TEST_CASE("a hook is SQL of one megabyte at most", "[environment]") {
    CHECK_FALSE(script_objection("UPDATE users SET email = NULL; -- \\d\n"));
    CHECK_FALSE(script_objection("SELECT '\\d'"));
    CHECK(script_objection(" -- nothing\n;").value() == "the script has no statement");
    CHECK(script_objection("SELECT 1;\n\\i other.sql").value() ==
          "line 2 has a command of psql (\\i): a hook is SQL alone");
    CHECK(script_objection("COPY t FROM stdin;\n1\n2\n\\.\n")->find("line 4 has the end of data") ==
          0);
    CHECK(script_objection("SELECT '\xfc'"));
    CHECK(script_objection(std::string("SELECT 1\0", 9)));
    CHECK_FALSE(script_objection("SELECT 1;" + std::string(k_hook_limit - 9, ' ')));
    CHECK(script_objection("SELECT 1;" + std::string(k_hook_limit - 8, ' ')));
    // what comes behind is cut as the server says then
    CHECK_FALSE(script_objection("SET standard_conforming_strings = off; SELECT 'a\\'\\d'"));
}

TEST_CASE("nobody acts as a superuser, a role of ours or a predefined one", "[environment]") {
    CHECK_FALSE(role_objection("app", {"postgres"}));
    CHECK(role_objection("postgres", {"postgres"})->find("superuser at the source") !=
          std::string::npos);
    for (const char* const role : {"ardent_admin", "ardent_apply", "ardent_reader", "ardent_nobody",
                                   "pg_execute_server_program", ""}) {
        CHECK(role_objection(role, {}));
    }
    CHECK(role_objection(std::string(64, 'x'), {}));
    CHECK_FALSE(database_objection("My Shop"));
    CHECK(database_objection(""));
    CHECK_FALSE(hook_name_objection("10-mask.users_v2"));
    for (const char* const name : {"", "a b", "a/b", "ä"}) {
        CHECK(hook_name_objection(name));
    }
}

TEST_CASE("a branch's hooks survive their way through JSON, and bodies of before have none",
          "[environment]") {
    BranchRecord record;
    record.hooks = {{"mask", 12}, {"seed", 3}};
    record.masked_at = "2026-06-01 12:00:00+00";
    const std::string body = body_to_json(record);
    BranchRecord read;
    body_into(read, body);
    REQUIRE(read.hooks.size() == 2);
    CHECK(read.hooks[1].name == "seed");
    CHECK(read.hooks[0].ms == 12);
    CHECK(read.masked_at == record.masked_at);
    const std::string before =
        body.substr(0, body.find("\"hooks\"")) + body.substr(body.find("\"lsn\""));
    body_into(read, before);
    CHECK(read.hooks.empty());
}
