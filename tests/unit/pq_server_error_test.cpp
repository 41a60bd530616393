// SPDX-License-Identifier: PostgreSQL
#include "common/pq/server_error.hpp"

#include "tests/support/catch.hpp"

using ardent::pq::ServerError;
using ardent::pq::without_values;

TEST_CASE("an error about data tells where, and not which", "[pq]") {
    ServerError error{.sqlstate = "23505",
                      .primary = "duplicate key value violates unique constraint \"t_pkey\"",
                      .detail = "Key (a)=(secret) already exists.",
                      .context = "COPY t, line 3: \"1\tsecret\"\nardent: row 3",
                      .schema = "public",
                      .table = "t",
                      .constraint = "t_pkey"};
    CHECK(error.message() ==
          "duplicate key value violates unique constraint \"t_pkey\" (SQLSTATE 23505, table "
          "public.t, constraint t_pkey) CONTEXT: COPY t, line 3");
    error = {.sqlstate = "23514",
             .primary = "new row for relation \"t\" violates check constraint \"c\"",
             .detail = "Failing row contains (1, secret).",
             .context =
                 "SQL statement \"INSERT INTO t VALUES (1, 'secret')\"\nPL/pgSQL function "
                 "f(integer) line 3 at SQL statement"};
    CHECK_THAT(error.message(), !Catch::Contains("secret") && Catch::Contains("\"c\"") &&
                                    Catch::Contains("PL/pgSQL function f(integer) line 3"));
}

TEST_CASE("values are taken out of a message, in any language", "[pq]") {
    for (const char* const text :
         {"invalid input syntax for type integer: \"se\"\"cret\"",
          "value \"secret\" is out of range for type integer",
          "ung\xc3\xbcltige Eingabesyntax f\xc3\xbcr Typ integer: \xc2\xbbsecret\xc2\xab",
          "syntaxe en entr\xe9"
          "e invalide : \xab secret \xbb",
          "invalid byte sequence for encoding \"UTF8\": 0x73 0x65 0x63",
          "invalid input value for enum mood: \"secret\"",
          "malformed range literal: \"a\nsecret"}) {
        const ServerError error{.sqlstate = "22P02", .primary = text, .detail = "secret"};
        INFO(error.message());
        CHECK_THAT(error.message(), !Catch::Contains("secret") && !Catch::Contains("0x73") &&
                                        Catch::Contains("…") && Catch::Contains("22P02"));
    }
    const ServerError plain{.sqlstate = "22012", .primary = "division by zero"};
    CHECK(plain.message() == "division by zero (SQLSTATE 22012)");
}

TEST_CASE("what code of the database raises is not repeated", "[pq]") {
    const ServerError raised{.sqlstate = "42704",
                             .primary = "role \"secret\" does not exist",
                             .hint = "secret",
                             .context = "PL/pgSQL function f() line 1 at RAISE",
                             .source_function = "exec_stmt_raise"};
    CHECK_THAT(raised.message(), !Catch::Contains("secret") && Catch::Contains("42704") &&
                                     Catch::Contains("function f() line 1"));
    CHECK(raised.advice().empty());
}

TEST_CASE("an error about objects keeps its words", "[pq]") {
    const ServerError error{.sqlstate = "2BP01",
                            .primary = "cannot drop table a",
                            .detail = "view b depends on table a",
                            .hint = "Use DROP ... CASCADE"};
    CHECK(error.message() == "cannot drop table a DETAIL: view b depends on table a");
    CHECK(error.advice() == error.hint);
    const ServerError option{.sqlstate = "22023", .primary = "option \"x\" = \"1\" is unknown"};
    CHECK(option.message() == option.primary);
}

TEST_CASE("what a program says of data is told without it", "[pq]") {
    CHECK(without_values("pg_restore: error: could not execute query: ERROR:  could not create "
                         "unique index \"i\"\nDETAIL:  Key (a)=(secret) is duplicated.\nCommand "
                         "was: CREATE UNIQUE INDEX i ON t (a);") ==
          "pg_restore: error: could not execute query: ERROR:  could not create unique index "
          "\"i\"\nCommand was: CREATE UNIQUE INDEX i ON t (a);");
    CHECK_THAT(without_values("ERROR:  invalid input syntax for type integer: \"secret\""),
               !Catch::Contains("secret"));
}
