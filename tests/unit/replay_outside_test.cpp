// SPDX-License-Identifier: PostgreSQL
// Statements about more than what is carried: what of them is run, and what is taken out.
#include "environment/replay/foreign_keys.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replica/archive.hpp"
#include "environment/replica/replica.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ddl_statements.hpp"

using namespace ardent;
using replay::make_plan;
using replay::SqlText;
using replay::What;
using tests::k_scope;
using tests::statement_of;

namespace {

// The text without all of them; "-" when there is none.
std::string without(const std::string& text) {
    std::string rest = text;
    bool found = false;
    while (auto edited = replay::without_foreign_key(SqlText(rest, true), k_scope)) {
        rest = edited->text;
        found = true;
    }
    return found ? rest : "-";
}

protocol::OutsideObject object_of(std::uint32_t oid, const std::string& type,
                                  const std::string& identity,
                                  const std::vector<std::string>& names) {
    return {1259, oid, {type, identity, "why"}, names, {}};
}

}  // namespace

TEST_CASE("outside: foreign keys to what is not carried are taken out of a text") {
    CHECK(without("CREATE TABLE t (id int, u int REFERENCES auth.users)") ==
          "CREATE TABLE t (id int, u int )");
    CHECK(without("CREATE TABLE t (u int NOT NULL REFERENCES auth.users (id) MATCH FULL ON DELETE "
                  "SET NULL (u) ON UPDATE NO ACTION NOT DEFERRABLE INITIALLY DEFERRED NOT NULL, a "
                  "int)") == "CREATE TABLE t (u int NOT NULL NOT NULL, a int)");
    CHECK(without("CREATE TABLE t (u int CONSTRAINT fk REFERENCES \"auth\".\"Users\" UNIQUE)") ==
          "CREATE TABLE t (u int UNIQUE)");
    CHECK(without("CREATE TABLE t (u int, CONSTRAINT fk FOREIGN KEY (u) REFERENCES auth.users (id) "
                  "ON DELETE CASCADE, PRIMARY KEY (u))") ==
          "CREATE TABLE t (u int, PRIMARY KEY (u))");
    CHECK(without("CREATE TABLE t (u int, FOREIGN KEY (u) REFERENCES auth.users)") ==
          "CREATE TABLE t (u int)");
    CHECK(
        without("ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (u) REFERENCES auth.users NOT VALID, "
                "ADD COLUMN b int REFERENCES public.secret") == "ALTER TABLE t ADD COLUMN b int ");
    CHECK(without("ALTER TABLE t ADD FOREIGN KEY (u) REFERENCES auth.users").empty());
    // carried, without a schema, a word elsewhere
    CHECK(without("CREATE TABLE t (u int REFERENCES public.users, v int REFERENCES users)") == "-");
    CHECK(without("CREATE TABLE t (\"references\" int DEFAULT auth.users)") == "-");
    CHECK(without("CREATE VIEW v AS SELECT 'REFERENCES auth.users'") == "-");
}

TEST_CASE("outside: what a DROP names decides, not what its CASCADE takes along") {
    model::DdlStatement drop = statement_of("DROP TABLE", "DROP TABLE a CASCADE");
    drop.dropped = {{"table", "public", "public.a", true, false},
                    {"table constraint", "other", "b_a_fkey on other.b", false, false}};
    model::DdlTable other;
    other.relation = {"other", "b"};
    other.kind = "table";
    drop.tables = {other};
    CHECK(make_plan(drop, k_scope).what == What::run);
    drop.dropped[0].identity = "public.secret";
    CHECK(make_plan(drop, k_scope).what == What::leave_out);
    model::DdlStatement policy = statement_of("DROP POLICY", "DROP POLICY p ON secret");
    policy.dropped = {{"policy", std::nullopt, "p on public.secret", true, false}};
    CHECK(make_plan(policy, k_scope).what == What::leave_out);
    policy.dropped[0].identity = "p on public.t";
    CHECK(make_plan(policy, k_scope).what == What::run);
}

TEST_CASE("outside: default privileges are set in the carried schemas") {
    const auto plan_of = [](const std::string& text) {
        model::DdlStatement statement = statement_of("ALTER DEFAULT PRIVILEGES", text);
        statement.objects.push_back(
            {"default acl", std::nullopt, "", "ALTER DEFAULT PRIVILEGES", false});
        return make_plan(statement, k_scope);
    };
    CHECK(
        plan_of(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA other, \"app\", public GRANT SELECT ON TABLES TO r")
            .text ==
        "ALTER DEFAULT PRIVILEGES IN SCHEMA \"app\", \"public\" GRANT SELECT ON TABLES TO r");
    CHECK(plan_of("ALTER DEFAULT PRIVILEGES IN SCHEMA other GRANT SELECT ON TABLES TO r").what ==
          What::leave_out);
    CHECK(plan_of("ALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO r").text ==
          "ALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO r");
    CHECK(replay::roles_acted_for(SqlText(
              "ALTER DEFAULT PRIVILEGES FOR ROLE x, \"Y\" GRANT SELECT ON TABLES TO r", true)) ==
          std::vector<std::string>{"x", "Y"});
    CHECK(replay::roles_acted_for(SqlText("REASSIGN OWNED BY a, b TO c", true)) ==
          std::vector<std::string>{"a", "b"});
    CHECK(replay::roles_acted_for(SqlText("GRANT x TO y", true)).empty());
}

TEST_CASE("outside: a schema that comes under a carried name or leaves it") {
    const auto what = [](const std::string& text) {
        return make_plan(statement_of("ALTER SCHEMA", text), k_scope);
    };
    CHECK(what("ALTER SCHEMA app RENAME TO app_old").what == What::rename_schema);
    CHECK(what("ALTER SCHEMA app_old RENAME TO app").from == "app_old");
    CHECK(what("ALTER SCHEMA x RENAME TO y").what != What::rename_schema);
    CHECK(what("ALTER SCHEMA app RENAME TO public").what != What::rename_schema);
}

TEST_CASE("outside: the end of capture stops") {
    model::DdlStatement ended = statement_of("DROP SCHEMA", "x");
    ended.kind = model::DdlKind::capture_ended;
    ended.message = "it was dropped";
    const replay::Plan plan = make_plan(ended, k_scope);
    CHECK(plan.what == What::stop);
    CHECK(plan.why == "DDL capture ended at the source with this DROP SCHEMA: it was dropped");
    CHECK(plan.hint.find("--resync") != std::string::npos);
}

TEST_CASE("outside: a table of contents without objects, and rights and comments on them") {
    const std::string contents =
        "; Archive created at\n"
        "1; 1259 100 VIEW public v postgres\n"
        "2; 1259 101 VIEW public v2 postgres\n"
        "3; 0 0 COMMENT public VIEW v postgres\n"
        "4; 0 0 COMMENT public COLUMN v.a postgres\n"
        "5; 0 0 ACL public TABLE v postgres\n"
        "6; 0 0 ACL public TABLE v2 postgres\n"
        "7; 0 0 COMMENT public FUNCTION f(integer, text) postgres\n"
        "8; 0 0 COMMENT public FUNCTION f(integer) postgres\n"
        "9; 0 0 COMMENT public TRIGGER x ON \"T\" postgres\n"
        "10; 2620 103 TRIGGER public T x postgres\n"
        "11; 1259 1001 TABLE public t postgres\n";
    auto trigger = object_of(103, "trigger", "x on public.\"T\"", {"public", "T", "x"});
    trigger.catalog = 2620;
    const std::string rest = environment::without_objects(
        contents, {object_of(100, "view", "public.v", {"public", "v"}), trigger,
                   object_of(102, "function", "public.f(integer,text)", {"public", "f"})});
    CHECK(rest ==
          "; Archive created at\n"
          "2; 1259 101 VIEW public v2 postgres\n"
          "6; 0 0 ACL public TABLE v2 postgres\n"
          "8; 0 0 COMMENT public FUNCTION f(integer) postgres\n"
          "11; 1259 1001 TABLE public t postgres\n");
    CHECK(environment::without_objects(contents, {}) == contents);
}

TEST_CASE("outside: a host that sorts text by other rules is told") {
    protocol::SourceIdentity source;
    source.lc_collate = "de_AT.UTF-8";
    CHECK(environment::collation_warning(source, "2.36").empty());  // an older agent, or C
    source.collation_version = "2.31";
    CHECK(environment::collation_warning(source, std::nullopt).empty());
    CHECK(environment::collation_warning(source, "2.31").empty());
    const std::string warning = environment::collation_warning(source, "2.36");
    CHECK(warning.find("version 2.31 of de_AT.UTF-8 at the source and by 2.36 on this host") !=
          std::string::npos);
}
