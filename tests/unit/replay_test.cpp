// SPDX-License-Identifier: PostgreSQL
// What is done with a DDL statement of the source: the scanner of its text, the plan, definitions
// side by side.
#include "environment/apply/snapshot.hpp"
#include "environment/replay/definitions.hpp"
#include "environment/replay/derive.hpp"
#include "environment/replay/missing.hpp"
#include "environment/replay/parameters.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replay/system_triggers.hpp"
#include "environment/replica/extensions.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ddl_statements.hpp"

using namespace ardent;
using replay::make_plan;
using replay::Plan;
using replay::SqlText;
using replay::What;
using tests::k_scope;
using tests::statement_of;

namespace {

model::DdlStatement on(const std::string& tag, const std::string& text, const std::string& type,
                       const std::string& identity) {
    model::DdlStatement statement = statement_of(tag, text);
    statement.objects.push_back({type, std::nullopt, identity, tag, false});
    return statement;
}

model::DdlTable table_of(const std::string& schema, const std::string& name) {
    model::DdlTable table;
    table.relation = {schema, name};
    table.kind = "table";
    table.persistence = "permanent";
    table.columns = {{"id", "integer", true, "", "", "", ""}, {"v", "text", false, "", "", "", ""}};
    return table;
}

}  // namespace

TEST_CASE("sql text: words are told from strings, quoted names and comments") {
    const SqlText sql(
        R"x(SELECT 'a "b" tablespace', "Tab""le", $q$ tablespace $$ $q$, e'\' tablespace' -- tablespace
        /* tablespace /* nested */ tablespace */ FROM (x tablespace))x",
        true);
    CHECK_FALSE(sql.find({"tablespace"}));
    CHECK(sql.find({"from"}));
    CHECK(sql.tokens()[1].kind == replay::TokenKind::string);
    CHECK(sql.tokens()[3].text == "Tab\"le");
    CHECK(SqlText("'a\\' tablespace x'", false).tokens().size() == 1);
    CHECK(SqlText("B'01' x'f' N'n' U&'\\0041' e'\\''", true).tokens().size() == 5);
    CHECK(SqlText("U&\"a name\"", true).tokens()[0].text == "a name");
    CHECK(SqlText("/* never /* closed */", true).tokens().empty());
    CHECK(SqlText("'unfinished", true).tokens().size() == 1);
    CHECK(SqlText("SELECT $1", true).tokens().size() == 3);
    CHECK(SqlText("ALTER TABLE x OWNER TO \"An owner\"", true).name_after({"owner", "to"}) ==
          "An owner");
    CHECK(SqlText("now() + \"F\"(x) || f (1) || now()", true).called() ==
          std::vector<std::string>{"F", "f", "now"});
}

TEST_CASE("sql text: CONCURRENTLY and TABLESPACE are taken out") {
    const auto concurrently = [](const char* text) {
        return replay::in_one_step(SqlText(text, true));
    };
    CHECK(concurrently("CREATE INDEX CONCURRENTLY i ON t (a)") == "CREATE INDEX i ON t (a)");
    CHECK(concurrently("DROP INDEX concurrently i") == "DROP INDEX i");
    CHECK(concurrently("CREATE INDEX \"concurrently\" ON t (a)") ==
          "CREATE INDEX \"concurrently\" ON t (a)");
    CHECK(concurrently("ALTER TABLE p DETACH PARTITION a.b CONCURRENTLY") ==
          "ALTER TABLE p DETACH PARTITION a.b ");
    CHECK(concurrently("ALTER TABLE p DETACH PARTITION finalize FINALIZE") ==
          "ALTER TABLE p DETACH PARTITION finalize ");
    CHECK(concurrently("ALTER TABLE p DETACH PARTITION finalize") ==
          "ALTER TABLE p DETACH PARTITION finalize");
    CHECK(concurrently("ALTER TABLE p RENAME TO finalize") == "ALTER TABLE p RENAME TO finalize");
    const auto tablespace = [](const char* text) {
        return replay::without_tablespace(SqlText(text, true)).value_or("none");
    };
    CHECK(tablespace("CREATE TABLE t (id int PRIMARY KEY USING INDEX TABLESPACE fast, v int)") ==
          "CREATE TABLE t (id int PRIMARY KEY , v int)");
    CHECK(tablespace("CREATE INDEX i ON t (a) TABLESPACE \"Fast one\" WHERE a > 1") ==
          "CREATE INDEX i ON t (a) WHERE a > 1");
    CHECK(tablespace("ALTER TABLE t ADD a int, SET TABLESPACE fast") == "ALTER TABLE t ADD a int");
    CHECK(tablespace("ALTER TABLE t SET TABLESPACE fast, ADD a int") == "ALTER TABLE t ADD a int");
    CHECK(tablespace("ALTER TABLE t SET TABLESPACE fast") == "none");
    CHECK(tablespace("CREATE TABLE t (tablespace text)") == "none");
}

TEST_CASE("sql text: storage of CREATE TABLE AS, words of CREATE EXTENSION") {
    const auto storage = [](const char* text) {
        return replay::storage_clause(SqlText(text, true));
    };
    CHECK(storage("CREATE TABLE t WITH (fillfactor = 50) AS SELECT 1") == "WITH (fillfactor = 50)");
    CHECK(storage("CREATE TABLE t AS WITH (SELECT 1) SELECT 2").empty());
    const auto words = replay::read_extension(SqlText(
        "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA ext VERSION '1.1' CASCADE",
        true));
    REQUIRE(words);
    CHECK(words->name == "uuid-ossp");
    CHECK(words->schema == "ext");
    CHECK(words->version == "1.1");
    CHECK(replay::read_extension(SqlText("ALTER EXTENSION x UPDATE TO '2'", true))->version == "2");
    CHECK_FALSE(replay::read_extension(SqlText("CREATE TABLE extension (a int)", true)));
}

TEST_CASE("replay plan: what lies outside of what is carried is left out") {
    const auto what = [](const model::DdlStatement& statement) {
        return make_plan(statement, k_scope).what;
    };
    CHECK(what(on("CREATE FUNCTION", "x", "function", "public.f(integer)")) == What::run);
    CHECK(what(on("CREATE FUNCTION", "x", "function", "other.f(integer)")) == What::leave_out);
    CHECK(what(on("CREATE POLICY", "x", "policy", "\"a on b\" on app.t")) == What::run);
    CHECK(what(on("CREATE POLICY", "x", "policy", "p on other.t")) == What::leave_out);
    CHECK(what(on("CREATE SCHEMA", "x", "schema", "other")) == What::leave_out);
    CHECK(what(on("CREATE SCHEMA", "x", "schema", "app")) == What::run);
    model::DdlStatement excluded = on("ALTER TABLE", "x", "table", "public.secret");
    excluded.tables.push_back(table_of("public", "secret"));
    CHECK(what(excluded) == What::leave_out);
    CHECK(what(statement_of("CREATE TABLE", "x")) == What::leave_out);
    CHECK(what(statement_of("ALTER DEFAULT PRIVILEGES", "x")) == What::run);
    model::DdlStatement rule = statement_of("DROP RULE", "DROP RULE r ON public.t");
    rule.dropped.push_back({"rule", std::nullopt, "r on public.t", true});
    CHECK(what(rule) == What::run);
}

TEST_CASE("replay plan: some kinds go another way") {
    CHECK(make_plan(on("ALTER TABLE", "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b", "table",
                       "public.t"),
                    k_scope)
              .what == What::leave_out);
    const auto plan = [](const std::string& tag, const std::string& text, const std::string& type,
                         const std::string& identity) {
        return make_plan(on(tag, text, type, identity), k_scope);
    };
    CHECK(plan("DROP SUBSCRIPTION", "x", "subscription", "s").what == What::leave_out);
    CHECK(plan("COMMENT", "x", "publication", "p").what == What::leave_out);
    CHECK(plan("SECURITY LABEL", "x", "table", "public.t").what == What::leave_out);
    CHECK(plan("GRANT", "x", "server", "far").what == What::leave_out);
    CHECK(plan("CREATE SERVER", "x", "server", "far").what == What::server);
    CHECK(plan("CREATE EXTENSION", "CREATE EXTENSION citext", "extension", "citext").what ==
          What::extension);
    CHECK(plan("REINDEX", "x", "index", "public.i").what == What::leave_out);
    CHECK(plan("CREATE INDEX", "CREATE INDEX CONCURRENTLY i ON t (a)", "index", "public.i").text ==
          "CREATE INDEX i ON t (a)");
    model::DdlStatement rows = on("CREATE TABLE AS", "x", "table", "public.t");
    rows.rows_follow = true;
    CHECK(make_plan(rows, k_scope).what == What::relations);
    rows.tag = "CREATE MATERIALIZED VIEW";
    CHECK(make_plan(rows, k_scope).what == What::run);
}

TEST_CASE("replay plan: what cannot be run stops") {
    model::DdlStatement masked = on("ALTER TABLE", "x", "table", "public.t");
    masked.masked = true;
    CHECK(make_plan(masked, k_scope).what == What::stop);
    model::DdlStatement failed = statement_of("ALTER TABLE", "x");
    failed.kind = model::DdlKind::capture_failed;
    failed.sqlstate = "53200";
    failed.message = "out of memory";
    const Plan plan = make_plan(failed, k_scope);
    CHECK(plan.what == What::stop);
    CHECK(plan.why ==
          "the source could not capture this ALTER TABLE: out of memory (SQLSTATE 53200)");
}

TEST_CASE("replay plan: a DROP of what is carried and what is not drops what is") {
    model::DdlStatement drop =
        statement_of("DROP TABLE", "DROP TABLE public.a, other.b, public.secret");
    drop.dropped = {{"table", "public", "public.a", true, false},
                    {"table", "other", "other.b", true, false},
                    {"table", "public", "public.secret", true, false}};
    CHECK(make_plan(drop, k_scope).text == "DROP TABLE public.a");
    drop.dropped.push_back({"view", "public", "public.v", false, false});
    CHECK(make_plan(drop, k_scope).text == "DROP TABLE public.a CASCADE");
    drop.text.reset();
    drop.dropped = {{"table", "public", "public.a", true, false},
                    {"table", "public", "public.c", true, false}};
    CHECK(make_plan(drop, k_scope).text == "DROP TABLE public.a, public.c");
}

TEST_CASE("replay plan: what CONCURRENTLY left unfinished may be here or not") {
    model::DdlStatement drop = statement_of("DROP INDEX", "DROP INDEX CONCURRENTLY i");
    drop.dropped = {{"index", "public", "public.i", true, false}};
    CHECK(make_plan(drop, k_scope).text == "DROP INDEX i");
    drop.dropped[0].invalid = true;
    CHECK(make_plan(drop, k_scope).text == "DROP INDEX IF EXISTS public.i");
    model::DdlStatement alter = on("ALTER INDEX", "ALTER INDEX i RENAME TO j", "index", "public.j");
    CHECK_FALSE(make_plan(alter, k_scope).may_miss);
    alter.objects[0].invalid = true;
    CHECK(make_plan(alter, k_scope).may_miss);
    model::DdlStatement column = statement_of("ALTER TABLE", "ALTER TABLE t ADD finalize integer");
    column.tables.push_back(table_of("public", "t"));
    CHECK(make_plan(column, k_scope).what == What::run);
    CHECK(make_plan(column, k_scope).text == "ALTER TABLE t ADD finalize integer");
    CHECK_FALSE(make_plan(column, k_scope).may_miss);
    model::DdlStatement finalize =
        statement_of("ALTER TABLE", "ALTER TABLE t DETACH PARTITION p FINALIZE");
    finalize.tables = column.tables;
    CHECK(make_plan(finalize, k_scope).text == "ALTER TABLE t DETACH PARTITION p ");
    CHECK(make_plan(finalize, k_scope).may_miss);
}

TEST_CASE("replay definitions: without names") {
    model::DdlTable source = table_of("public", "t");
    source.keys.push_back({"a", {"id"}, true, false, true, true, false, false});
    source.keys.push_back({"b", {"v"}, false, false, true, true, false, false});
    source.partition_of = model::RelationName{"public", "p"};
    model::DdlTable replica = source;
    replica.keys[0].name = "c";
    std::swap(replica.keys[0], replica.keys[1]);
    replica.columns[1].type = "public.temper";
    replica.partition_of->name = "q";
    const replay::Compared loose = {false, false};
    CHECK_FALSE(replay::describe_difference(source, replica, {}).empty());
    CHECK(replay::describe_difference(source, replica, loose).empty());
    model::DdlTable other = replica;
    other.keys.pop_back();
    CHECK(replay::describe_difference(source, other, loose) ==
          replay::describe_difference(source, other, {}));
    CHECK_FALSE(replay::describe_difference(source, other, loose).empty());
    source.lock = "share";
    other = replica;
    other.keys.push_back({"d", {"id", "v"}, false, false, true, true, false, false});
    CHECK(replay::describe_difference(source, other, loose).empty());
    other = replica;
    other.columns[1].name = "w";
    CHECK_FALSE(replay::describe_difference(source, other, loose).empty());
    other = replica;
    other.partition_of.reset();
    CHECK_FALSE(replay::describe_difference(source, other, loose).empty());
}

TEST_CASE("replay definitions: the first difference is named with both sides") {
    const model::DdlTable source = table_of("public", "t");
    const auto differs = [&](const model::DdlTable& replica, bool owner = false) {
        return replay::describe_difference(source, replica, {owner, true});
    };
    CHECK(differs(source).empty());
    model::DdlTable other = source;
    other.columns[1].type = "varchar";
    CHECK(differs(other) == "column 2 is v text at the source and v varchar in the replica");
    other = source;
    other.columns.pop_back();
    CHECK(differs(other) == "column 2 is v text at the source and none in the replica");
    other = source;
    other.columns[1].expression = "'x'::text";
    CHECK(differs(other) ==
          "column 2 is v text at the source and v text ('x'::text) in the replica");
    other = source;
    other.keys.push_back({"k", {"id", std::nullopt}, true, false, true, true, false, false});
    CHECK(differs(other) ==
          "key 1 is none at the source and k primary (id, an expression) in the "
          "replica");
    model::DdlTable unfinished = source;
    unfinished.keys.push_back({"u", {"v"}, false, false, true, false, false, false});
    CHECK(replay::describe_difference(unfinished, source, {}).empty());
    other = source;
    other.keys.push_back({"u", {"v"}, false, false, true, true, false, false});
    CHECK(replay::describe_difference(unfinished, other, {}).empty());
    CHECK_FALSE(differs(other).empty());
    model::DdlTable shared = source;
    shared.lock = "share";
    CHECK(replay::describe_difference(shared, other, {}).empty());
    CHECK_FALSE(replay::describe_difference(other, shared, {}).empty());
    other = source;
    other.owner = "somebody";
    CHECK(differs(other).empty());
    CHECK(differs(other, true) == "the owner is none at the source and somebody in the replica");
    other = source;
    other.partition_of = model::RelationName{"public", "p"};
    other.partition_bound = "DEFAULT";
    CHECK(differs(other) == "the parent is none at the source and public.p DEFAULT in the replica");
    CHECK(replay::create_table(source, "WITH (fillfactor=50)") ==
          R"(CREATE TABLE "public"."t" ("id" integer NOT NULL, "v" text) WITH (fillfactor=50))");
}

TEST_CASE("snapshot: what it shows of a transaction that was committed") {
    using apply::sees;
    CHECK(sees("10:20:12,15", 9));
    CHECK(sees("10:20:12,15", 10));
    CHECK_FALSE(sees("10:20:12,15", 12));
    CHECK(sees("10:20:12,15", 13));
    CHECK_FALSE(sees("10:20:12,15", 15));
    CHECK_FALSE(sees("10:20:12,15", 20));
    CHECK(sees("4294968037:4294968037:", 4294968036));
    CHECK_FALSE(sees("4294968037:4294968037:", 4294968037));
    CHECK_FALSE(sees("", 1));
    CHECK_FALSE(sees("nonsense", 1));
}

TEST_CASE("sql text: a storage parameter that the server does not know is taken out") {
    const auto without = [](const char* text, const char* name) {
        return replay::without_parameter(SqlText(text, true), name).value_or("none");
    };
    CHECK(without("CREATE TABLE t (id int) WITH (fillfactor = 50, odd = 'x')", "odd") ==
          "CREATE TABLE t (id int) WITH (fillfactor = 50)");
    CHECK(without("CREATE TABLE t (id int) WITH (odd, fillfactor = 50)", "odd") ==
          "CREATE TABLE t (id int) WITH (fillfactor = 50)");
    CHECK(without("CREATE TABLE t (id int PRIMARY KEY WITH (odd = -1)) WITH (fillfactor = 50)",
                  "odd") == "CREATE TABLE t (id int PRIMARY KEY ) WITH (fillfactor = 50)");
    CHECK(without("CREATE INDEX i ON t (odd) WITH (a = 1, \"odd\" = 2)", "odd") ==
          "CREATE INDEX i ON t (odd) WITH (a = 1)");
    CHECK(without("CREATE TABLE t (v text) WITH (other.odd = 3)", "odd") ==
          "CREATE TABLE t (v text) ");
    CHECK(without("CREATE TABLE t (v text) WITH (other.odd = 3)", "other") ==
          "CREATE TABLE t (v text) ");
    CHECK(without("ALTER TABLE t SET (odd = 1, fillfactor = 2), ADD a int", "odd") ==
          "ALTER TABLE t SET (fillfactor = 2), ADD a int");
    CHECK(without("ALTER TABLE t SET (odd = 1), ADD a int", "odd") == "ALTER TABLE t ADD a int");
    CHECK(without("ALTER TABLE t ADD a int, ALTER COLUMN b SET (odd = 1)", "odd") ==
          "ALTER TABLE t ADD a int");
    CHECK(without("ALTER TABLE t ALTER b SET (odd = 1), ADD a int", "odd") ==
          "ALTER TABLE t ADD a int");
    CHECK(without("ALTER TABLE t SET (odd = 1)", "odd").empty());
    CHECK(without("CREATE TABLE t (odd int)", "odd") == "none");
    CHECK(without("ALTER TABLE t ADD CHECK (odd > 1)", "odd") == "none");
}

TEST_CASE("sql text: TRIGGER ALL is two statements, one of which takes a superuser") {
    const auto all = replay::all_triggers(
        SqlText("ALTER TABLE ONLY \"all\" DISABLE TRIGGER ALL, ADD a int", true));
    REQUIRE(all);
    CHECK(all->text == "ALTER TABLE ONLY \"all\" DISABLE TRIGGER USER, ADD a int");
    CHECK(all->of_system({"public", "all"}) ==
          "ALTER TABLE ONLY \"public\".\"all\" DISABLE TRIGGER ALL");
    CHECK(replay::all_triggers(SqlText("alter table t enable trigger all", true))
              ->of_system({"public", "t"}) == "ALTER TABLE \"public\".\"t\" ENABLE TRIGGER ALL");
    CHECK_FALSE(replay::all_triggers(SqlText("ALTER TABLE t ENABLE TRIGGER one", true)));
    CHECK_FALSE(replay::all_triggers(SqlText("COMMENT ON TABLE t IS 'enable trigger all'", true)));
}

TEST_CASE("sql text: whom a statement makes an owner, and another in his place") {
    const auto inert = [](const char* text) {
        const SqlText sql(text, true);
        const auto owner = replay::new_owner(sql);
        return owner ? owner->text + ": " + replay::with_owner(sql, *owner, "ardent_nobody")
                     : std::string();
    };
    CHECK(inert("ALTER FUNCTION f() OWNER TO pg_execute_server_program") ==
          "pg_execute_server_program: ALTER FUNCTION f() OWNER TO \"ardent_nobody\"");
    CHECK(inert("alter table t owner to \"pg_monitor\", add a int") ==
          "pg_monitor: alter table t owner to \"ardent_nobody\", add a int");
    CHECK(inert("REASSIGN OWNED BY a TO pg_monitor") ==
          "pg_monitor: REASSIGN OWNED BY a TO \"ardent_nobody\"");
    CHECK(inert("CREATE SCHEMA s AUTHORIZATION pg_monitor CREATE TABLE t ()") ==
          "pg_monitor: CREATE SCHEMA s AUTHORIZATION \"ardent_nobody\" CREATE TABLE t ()");
    CHECK(inert("CREATE SCHEMA IF NOT EXISTS AUTHORIZATION Ardent_Apply") ==
          "ardent_apply: CREATE SCHEMA IF NOT EXISTS \"ardent_apply\" AUTHORIZATION "
          "\"ardent_nobody\"");
    CHECK(inert("ALTER TABLE t OWNER TO CURRENT_USER").empty());
    CHECK(inert("ALTER TABLE t OWNER TO").empty());
    CHECK(inert("GRANT SELECT ON owner TO pg_monitor").empty());
    CHECK(inert("ALTER TABLE t RENAME COLUMN owner TO pg_size").empty());
    CHECK(inert("ALTER TABLE t RENAME owner TO pg_size").empty());
    CHECK(replay::begins_with(SqlText("/* x */ alter Schema s RENAME TO t", true), "ALTER SCHEMA"));
    CHECK_FALSE(replay::begins_with(SqlText("CREATE FUNCTION f()", true), "COMMENT"));
    CHECK_FALSE(replay::begins_with(SqlText("\"comment\"", true), "COMMENT"));
    CHECK_FALSE(replay::begins_with(SqlText("ALTER", true), "ALTER SCHEMA"));
}

TEST_CASE("missing: only the server itself says that a role is, about the statement itself") {
    const auto told = [](const std::string& message, const std::string& sqlstate,
                         const std::string& file, bool in_code) {
        return pq::QueryError(
            base::Error(base::ErrorKind::replica, "replica: " + message, {}, sqlstate),
            {message, file, in_code});
    };
    const std::string no_role = "role \"a \"b\" does not exist";
    CHECK(replay::missing_role(told(no_role, "42704", "acl.c", false)) == "a \"b");
    CHECK_FALSE(replay::missing_role(told(no_role, "42704", "acl.c", true)));
    CHECK_FALSE(replay::missing_role(told(no_role, "42704", "pl_exec.c", true)));
    CHECK_FALSE(replay::missing_role(told(no_role, "42704", "pl_exec.c", false)));
    CHECK_FALSE(replay::missing_role(told(no_role, "P0001", "acl.c", false)));
    CHECK_FALSE(replay::missing_role(told("the " + no_role, "42704", "acl.c", false)));
    CHECK_FALSE(replay::missing_role(told("role \"\" does not exist", "42704", "acl.c", false)));
    CHECK_FALSE(replay::missing_role(base::Error(base::ErrorKind::replica, no_role, {}, "42704")));
    CHECK(replay::missing_tablespace(
              told("tablespace \"x\" does not exist", "42704", "tablespace.c", false)) == "x");
    CHECK(replay::unknown_parameter(told("unrecognized parameter namespace \"x\"", "22023",
                                         "reloptions.c", false)) == "x");
    CHECK_FALSE(replay::unknown_parameter(
        told("unrecognized parameter \"x\"", "22023", "pl_exec.c", true)));
}

TEST_CASE("replay plan: a statement without its text is made from its message") {
    model::DdlStatement statement = on("ALTER TABLE", "", "table", "public.t");
    statement.text.reset();
    CHECK(make_plan(statement, k_scope).what == What::derive);
    statement.tag = "DROP TABLE";
    statement.objects.clear();
    statement.dropped.push_back({"table", "public", "public.t", true, false});
    statement.dropped.push_back({"view", "public", "public.v", false, false});
    CHECK(make_plan(statement, k_scope).text == "DROP TABLE public.t CASCADE");
}

TEST_CASE("replay plan: a DROP that also names what is not reported drops what is") {
    model::DdlStatement statement = statement_of("DROP TABLE", "DROP TABLE t, temporary");
    statement.dropped.push_back({"table", "public", "public.t", true, false});
    statement.names_left_out = true;
    CHECK(make_plan(statement, k_scope).text == "DROP TABLE public.t");
    model::DdlStatement invalid = statement_of("DROP INDEX", "DROP INDEX i");
    invalid.dropped.push_back({"index", "public", "public.i", true, true});
    CHECK(make_plan(invalid, k_scope).text == "DROP INDEX IF EXISTS public.i");
}

namespace {

std::vector<std::string> between(const model::DdlTable& source, const model::DdlTable& replica,
                                 const std::string& tag = "ALTER TABLE") {
    model::DdlStatement statement;
    statement.tag = tag;
    return replay::alter_statements(statement, source, replica);
}

}  // namespace

TEST_CASE("replay: what lies between two definitions of a table") {
    using Texts = std::vector<std::string>;
    const std::string alter = "ALTER TABLE \"public\".\"t\" ";
    const model::DdlTable before = table_of("public", "t");
    CHECK(between(before, before).empty());

    model::DdlTable after = before;
    after.columns.push_back({"n", "integer", true, "7", "", "", ""});
    after.columns.push_back({"i", "bigint", true, "", "", "always", ""});
    after.columns.push_back({"g", "integer", false, "(n * 2)", "stored", "", ""});
    CHECK(between(after, before) ==
          Texts{alter + "ADD COLUMN \"n\" integer DEFAULT 7 NOT NULL",
                alter + "ADD COLUMN \"i\" bigint GENERATED ALWAYS AS IDENTITY NOT NULL",
                alter + "ADD COLUMN \"g\" integer GENERATED ALWAYS AS ((n * 2)) STORED"});

    after = before;
    after.columns[1] = {"v", "character varying(9)", true, "'x'::text", "", "", "pg_catalog.\"C\""};
    CHECK(between(after, before) ==
          Texts{alter + "ALTER COLUMN \"v\" TYPE character varying(9) COLLATE pg_catalog.\"C\"",
                alter + "ALTER COLUMN \"v\" SET DEFAULT 'x'::text",
                alter + "ALTER COLUMN \"v\" SET NOT NULL"});
    CHECK(between(before, after).front() == alter + "ALTER COLUMN \"v\" DROP DEFAULT");

    after = before;
    after.columns[1].name = "w";
    CHECK(between(after, before) == Texts{alter + "RENAME COLUMN \"v\" TO \"w\""});
    after.columns[0].name = "key";  // which of them was which is not told
    CHECK_THROWS_WITH(between(after, before), Catch::Contains("was not dropped"));

    after = before;
    after.replica_identity = "full";
    after.owner = "me";
    CHECK(between(after, before) ==
          Texts{alter + "REPLICA IDENTITY full", alter + "OWNER TO \"me\""});

    after = before;
    after.partition_of = model::RelationName{"public", "p"};
    after.partition_bound = "FOR VALUES IN (1)";
    CHECK(between(after, before) ==
          Texts{"ALTER TABLE \"public\".\"p\" ATTACH PARTITION \"public\".\"t\" "
                "FOR VALUES IN (1)"});
    CHECK(between(before, after) ==
          Texts{"ALTER TABLE \"public\".\"p\" DETACH PARTITION \"public\".\"t\""});
}

TEST_CASE("replay: keys between two definitions of a table") {
    using Texts = std::vector<std::string>;
    const std::string alter = "ALTER TABLE \"public\".\"t\" ";
    const model::DdlTable before = table_of("public", "t");
    model::DdlKey key;
    key.name = "t_pkey";
    key.columns = {"id"};
    key.immediate = true;
    key.valid = true;
    model::DdlTable after = before;
    after.keys = {key};
    CHECK(between(after, before, "ALTER TABLE") ==
          Texts{alter + "ADD CONSTRAINT \"t_pkey\" UNIQUE (\"id\")"});
    CHECK(between(after, before, "CREATE INDEX") ==
          Texts{"CREATE UNIQUE INDEX \"t_pkey\" ON \"public\".\"t\" (\"id\")"});
    CHECK_THROWS_WITH(between(before, after, "ALTER TABLE"), Catch::Contains("was not dropped"));
    model::DdlTable renamed = after;
    renamed.keys[0].name = "other";
    CHECK(between(renamed, after, "ALTER INDEX") ==
          Texts{"ALTER INDEX \"public\".\"t_pkey\" RENAME TO \"other\""});
    CHECK(between(renamed, after, "ALTER TABLE") ==
          Texts{alter + "ADD CONSTRAINT \"other\" UNIQUE USING INDEX \"t_pkey\""});
    after.keys[0].primary = true;
    CHECK(between(after, before, "ALTER TABLE") ==
          Texts{alter + "ADD CONSTRAINT \"t_pkey\" PRIMARY KEY (\"id\")"});
    after.keys[0].columns = {std::nullopt};
    CHECK_THROWS_WITH(between(after, before, "CREATE INDEX"), Catch::Contains("has an expression"));
    after.keys[0].columns = {"v"};
    CHECK_THROWS_WITH(between(after, renamed, "CREATE INDEX"), Catch::Contains("was not dropped"));
}

TEST_CASE("extensions: the package that has one is named") {
    using environment::package_of;
    CHECK(package_of(15, "hstore") == "postgresql-15, elsewhere postgresql-contrib");
    CHECK(package_of(17, "vector") == "postgresql-17-pgvector");
    CHECK(package_of(13, "postgis_topology") == "postgresql-13-postgis-3");
    CHECK(package_of(16, "plpython3u") == "postgresql-plpython3-16");
    CHECK(package_of(16, "hstore_plperl") == "postgresql-plperl-16");
    CHECK(package_of(15, "my_own") ==
          "often postgresql-15-my-own; apt-cache search postgresql-15 lists them");
}
