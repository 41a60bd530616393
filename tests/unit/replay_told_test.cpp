// SPDX-License-Identifier: PostgreSQL
// What a message tells better than its text, put into the text.
#include "environment/replay/told.hpp"
#include "tests/support/catch.hpp"

using namespace ardent;
using replay::with_what_is_told;

namespace {

constexpr const char* k_bound = "FOR VALUES FROM ('2026-01-01 00:00:00+00') TO (MAXVALUE)";

model::DdlStatement statement_of(const std::string& tag, const std::string& text) {
    model::DdlStatement statement;
    statement.tag = tag;
    statement.text = text;
    statement.role = "clerk";
    statement.session_role = "The Boss";
    return statement;
}

std::string told(const model::DdlStatement& statement) {
    return with_what_is_told(statement, replay::read_text(statement, *statement.text));
}

model::DdlStatement partition(const std::string& tag, const std::string& text,
                              const std::string& name) {
    model::DdlStatement statement = statement_of(tag, text);
    model::DdlTable table;
    table.relation = {"public", name};
    table.partition_of = model::RelationName{"public", "log"};
    table.partition_bound = k_bound;
    statement.tables = {table};
    return statement;
}

}  // namespace

TEST_CASE("told: a partition's bound is the source's") {
    const std::string bound = k_bound;
    CHECK(told(partition("CREATE TABLE",
                         "CREATE TABLE IF NOT EXISTS public.now PARTITION OF log FOR VALUES FROM "
                         "(now() - f(1, (2))) TO (MAXVALUE) TABLESPACE x",
                         "now")) ==
          "CREATE TABLE IF NOT EXISTS public.now PARTITION OF log " + bound + " TABLESPACE x");
    CHECK(told(partition("ALTER TABLE",
                         "alter table log attach partition \"P q\" for values in (1, now())",
                         "P q")) == "alter table log attach partition \"P q\" " + bound);
    CHECK(told(partition("CREATE TABLE",
                         "CREATE TABLE h PARTITION OF log (PRIMARY KEY (a)) FOR VALUES WITH "
                         "(MODULUS 2, REMAINDER 0) PARTITION BY LIST (b)",
                         "h")) ==
          "CREATE TABLE h PARTITION OF log (PRIMARY KEY (a)) " + bound + " PARTITION BY LIST (b)");
    const std::string other = "CREATE TABLE a PARTITION OF log FOR VALUES IN (1)";
    CHECK(told(partition("CREATE TABLE", other, "b")) == other);
    const std::string no_end = "CREATE TABLE a PARTITION OF log FOR VALUES FROM (1";
    CHECK(told(partition("CREATE TABLE", no_end, "a")) == no_end);
    const std::string rest = "CREATE TABLE a PARTITION OF log DEFAULT";
    CHECK(told(partition("CREATE TABLE", rest, "a")) == rest);
}

TEST_CASE("told: an index without a name has the one that the source gave it") {
    model::DdlStatement statement =
        statement_of("CREATE INDEX", "CREATE UNIQUE INDEX ON ONLY users (\"on\")");
    statement.objects.push_back(
        {"index", "public", "public.\"users_on_Idx1\"", "CREATE INDEX", false});
    CHECK(told(statement) == "CREATE UNIQUE INDEX \"users_on_Idx1\" ON ONLY users (\"on\")");
    statement.text = "CREATE INDEX mine ON users (a)";
    CHECK(told(statement) == *statement.text);
    statement.text = "CREATE INDEX IF NOT EXISTS \"on\" ON users (a)";
    CHECK(told(statement) == *statement.text);
}

TEST_CASE("told: roles of the session, where a role stands") {
    const auto of = [](const std::string& tag, const std::string& text) {
        return told(statement_of(tag, text));
    };
    const std::string boss = "\"The Boss\"";
    CHECK(of("ALTER TABLE", "ALTER TABLE t OWNER TO SESSION_USER") ==
          "ALTER TABLE t OWNER TO " + boss);
    CHECK(of("GRANT", "GRANT SELECT ON t TO a, session_user GRANTED BY CURRENT_USER") ==
          "GRANT SELECT ON t TO a, " + boss + " GRANTED BY \"clerk\"");
    CHECK(of("REVOKE", "REVOKE SELECT ON t FROM SESSION_USER") ==
          "REVOKE SELECT ON t FROM " + boss);
    CHECK(of("CREATE POLICY", "CREATE POLICY p ON t TO session_user USING (a = session_user)") ==
          "CREATE POLICY p ON t TO " + boss + " USING (a = session_user)");
    CHECK(of("ALTER DEFAULT PRIVILEGES",
             "ALTER DEFAULT PRIVILEGES FOR ROLE session_user GRANT SELECT ON TABLES TO public") ==
          "ALTER DEFAULT PRIVILEGES FOR ROLE " + boss + " GRANT SELECT ON TABLES TO public");
    CHECK(of("REASSIGN OWNED", "REASSIGN OWNED BY a, current_role TO session_user") ==
          "REASSIGN OWNED BY a, \"clerk\" TO " + boss);
    for (const char* const expression : {"ALTER TABLE t ALTER c SET DEFAULT session_user",
                                         "ALTER TABLE t ADD c name DEFAULT (a, session_user)",
                                         "ALTER TABLE t ALTER c TYPE name USING session_user",
                                         "ALTER TABLE t RENAME \"x\" TO \"session_user\""}) {
        CHECK(of("ALTER TABLE", expression) == expression);
    }
    const std::string view = "CREATE VIEW v AS SELECT a, session_user FROM t";
    CHECK(of("CREATE VIEW", view) == view);
}
