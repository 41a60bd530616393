// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "environment/apply/cells.hpp"
#include "environment/apply/failed.hpp"
#include "environment/apply/statements.hpp"
#include "environment/apply/difference.hpp"

#include <string>
#include <vector>

using namespace ardent;
using namespace ardent::apply;
using model::ColumnValue;
using model::ValueKind;

namespace {

TargetColumn column(const std::string& name, const std::string& type, bool key = false) {
    TargetColumn made;
    made.name = name;
    made.type = type;
    made.key = key;
    made.not_null = key;
    made.exact_equality = true;
    return made;
}

/// id integer key, "n a" numeric, b bytea, g generated, i identity always, a integer[]
TargetTable sample() {
    TargetTable table;
    table.relation = {"s", "t\"x"};
    table.columns = {column("id", "integer", true), column("n a", "numeric"),
                     column("b", "bytea"),          column("g", "integer"),
                     column("i", "bigint"),         column("a", "integer[]")};
    table.columns[1].may_be_nan = true;
    table.columns[1].exact_equality = false;
    table.columns[2].bytea = true;
    table.columns[3].generated = true;
    table.columns[4].identity_always = true;
    table.columns[4].not_null = true;
    table.columns[5].text_elements = true;
    complete(table);
    return table;
}

ColumnValue value(const char* name, const char* text, ValueKind kind = ValueKind::text,
                  bool plain = true) {
    return {name, text, kind, plain};
}

std::vector<ColumnValue> full_row() {
    return {value("id", "7", ValueKind::number),
            value("n a", "1.50", ValueKind::number),
            value("b", "00ff"),
            value("g", "1", ValueKind::number),
            value("i", "9", ValueKind::number),
            value("a", "{\"x\\y\",NULL}", ValueKind::text, false)};
}

constexpr model::Lsn k_lsn{0x16B3748};

}  // namespace

TEST_CASE("apply: statements of one row cast every parameter and never write generated columns") {
    const TargetTable table = sample();
    CHECK(sql::copy(table) == R"(COPY "s"."t""x" ("id", "n a", "b", "i", "a") FROM STDIN)");
    CHECK(sql::insert(table) ==
          R"(INSERT INTO "s"."t""x" ("id", "n a", "b", "i", "a") OVERRIDING SYSTEM VALUE )"
          R"(VALUES ($1::integer, $2::numeric, $3::bytea, $4::bigint, $5::integer[]))");
    CHECK(sql::update(table, {1, 2}) ==
          R"(UPDATE ONLY "s"."t""x" SET "n a" = $1::numeric, "b" = $2::bytea )"
          R"(WHERE "id" = $3::integer AND "i" = $4::bigint)");
    CHECK(sql::update(table, {}) ==
          R"(SELECT FROM ONLY "s"."t""x" WHERE "id" = $1::integer AND "i" = $2::bigint)");
    CHECK(sql::remove(table) == R"(DELETE FROM ONLY "s"."t""x" WHERE "id" = $1::integer)");
}

TEST_CASE("apply: what an UPDATE may set") {
    TargetTable table = sample();
    CHECK(sql::settable(table, {0, 1, 2, 3, 4, 5}, false) == sql::Places{1, 2, 5});
    CHECK(sql::settable(table, {0, 1, 3, 4}, true) == sql::Places{0, 1});
    CHECK(sql::settable(table, {0, 3, 4}, false) == sql::Places{0});
    table.columns[0].identity_always = true;
    CHECK(sql::settable(table, {0, 3, 4}, false).empty());
}

TEST_CASE("apply: statements of many rows take arrays, composites and arrays as text") {
    const TargetTable table = sample();
    CHECK(sql::update_many(table, {1, 5}) ==
          R"(UPDATE ONLY "s"."t""x" AS t SET "n a" = v.c1, "a" = v.c2::integer[] FROM )"
          R"((SELECT pg_catalog.unnest($1::numeric[]) AS c1, )"
          R"(pg_catalog.unnest($2::pg_catalog.text[]) AS c2, )"
          R"(pg_catalog.unnest($3::integer[]) AS c3, pg_catalog.unnest($4::bigint[]) AS c4) AS v )"
          R"(WHERE t."id" = v.c3 AND t."i" = v.c4)");
    CHECK(sql::remove_many(table) ==
          R"(DELETE FROM ONLY "s"."t""x" AS t USING )"
          R"((SELECT pg_catalog.unnest($1::integer[]) AS c1) AS v WHERE t."id" = v.c1)");
}

TEST_CASE("apply: a key is compared as its index does, what is beside the key as ever") {
    TargetTable table = sample();
    table.columns[0].equality = R"(OPERATOR("Ext".=))";
    table.columns[0].collation = R"( COLLATE pg_catalog."C")";
    CHECK(
        sql::update(table, {1}) ==
        R"(UPDATE ONLY "s"."t""x" SET "n a" = $1::numeric )"
        R"(WHERE "id" COLLATE pg_catalog."C" OPERATOR("Ext".=) $2::integer AND "i" = $3::bigint)");
    CHECK(sql::remove_many(table) ==
          R"(DELETE FROM ONLY "s"."t""x" AS t USING )"
          R"((SELECT pg_catalog.unnest($1::integer[]) AS c1) AS v )"
          R"(WHERE t."id" COLLATE pg_catalog."C" OPERATOR("Ext".=) v.c1)");
}

TEST_CASE("apply: REPLICA IDENTITY FULL takes one of the equal rows, equal in text too") {
    const TargetTable table = sample();
    CHECK(sql::remove_full(table, {0, 1, 2}) ==
          R"(DELETE FROM ONLY "s"."t""x" WHERE ctid = (SELECT ctid FROM ONLY "s"."t""x" WHERE )"
          R"("id" = $1::integer AND "n a"::pg_catalog.text IS NOT DISTINCT FROM )"
          R"(($2::numeric)::pg_catalog.text AND "b" IS NOT DISTINCT FROM $3::bytea LIMIT 1))");
}

TEST_CASE(
    "apply: a changed GENERATED ALWAYS key is carried by taking the row out and putting it back") {
    TargetTable table = sample();
    table.columns[0].identity_always = true;
    CHECK(sql::replace(table, {0, 1}) ==
          R"(WITH o AS (DELETE FROM ONLY "s"."t""x" WHERE "id" = $3::integer RETURNING *) )"
          R"(INSERT INTO "s"."t""x" ("id", "n a", "b", "i", "a") OVERRIDING SYSTEM VALUE )"
          R"(SELECT $1::integer, $2::numeric, o."b", o."i", o."a" FROM o)");
}

TEST_CASE("apply: TRUNCATE names its tables together, ONLY for parents by inheritance") {
    TargetTable a = sample();
    TargetTable b = sample();
    b.has_children = true;
    CHECK(sql::truncate({&a, &b}) == R"(TRUNCATE "s"."t""x", ONLY "s"."t""x")");
}

TEST_CASE("apply: exact values in COPY text") {
    const TargetTable table = sample();
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    std::string line;
    append_copy_line(table, cells.data(), line);
    CHECK(line == "7\t1.50\t\\\\x00ff\t9\t{\"x\\\\y\",NULL}\n");

    fill_cells(table, k_lsn,
               {value("id", "7", ValueKind::number), value("n a", "", ValueKind::null),
                value("b", "", ValueKind::null), value("i", "9", ValueKind::number),
                value("a", "a\n\r\t\\.b", ValueKind::text, false)},
               cells);
    line.clear();
    append_copy_line(table, cells.data(), line);
    CHECK(line == "7\t\\N\t\\N\t9\ta\\n\\r\\t\\\\.b\n");
}

TEST_CASE("apply: exact values as parameters and as elements of arrays") {
    const TargetTable table = sample();
    Arena arena;
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    const Cell* const row = stored(cells, arena);
    CHECK(std::string(row[1].text) == "1.50");
    CHECK(std::string(row[2].text) == "\\x00ff");
    std::string array;
    for (const Cell& one : {row[0], cells[2], row[2], row[5], Cell{}}) {
        append_element(one, array);
        array += ';';
    }
    CHECK(array == R"(7;"\\x00ff";"\\x00ff";"{\"x\\y\",NULL}";NULL;)");
}

TEST_CASE("apply: keys are equal when all their parts are") {
    TargetTable table = sample();
    table.columns[2].key = true;
    table.key = {0, 2};
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    std::string key;
    REQUIRE(make_key(table, cells.data(), key));
    std::vector<Cell> parts;
    Key(key).cells(parts);
    REQUIRE(parts.size() == 2);
    CHECK(std::string(parts[0].text) == "7");
    CHECK(std::string(parts[1].text) == "\\x00ff");
    CHECK(describe_key(table, Key(key)) == "(id, b) = (7, \\x00ff)");
    cells[2].state = CellState::null;
    CHECK_FALSE(make_key(table, cells.data(), key));
}

TEST_CASE("apply: a null that may be NaN in a NOT NULL column is a failure, never a guess") {
    TargetTable table = sample();
    std::vector<Cell> cells;
    const std::vector<ColumnValue> row{value("n a", "", ValueKind::null)};
    CHECK_NOTHROW(fill_cells(table, k_lsn, row, cells));
    table.columns[1].not_null = true;
    try {
        fill_cells(table, k_lsn, row, cells);
        FAIL("a null passed");
    } catch (const Failed& error) {
        CHECK(error.lsn() == k_lsn);
        CHECK(error.table() == "s.\"t\"\"x\"");
        CHECK_THAT(error.what(), Catch::Contains("NaN"));
        CHECK_FALSE(error.hint().empty());
    }
}

TEST_CASE("apply: a column that the replica does not have is a failure") {
    std::vector<Cell> cells;
    CHECK_THROWS_AS(fill_cells(sample(), k_lsn, {value("zz", "1")}, cells), Failed);
}

TEST_CASE("apply: failures are text for people, whatever the encoding") {
    CHECK(shown("h\xE9") == "h\\xe9");
    CHECK(shown("h\xC3\xA9") == "h\xC3\xA9");
    const protocol::Failure failure = to_failure(Failed("m\xFF", "h", k_lsn, "t"));
    CHECK(failure.message == "m\\xff");
    CHECK(failure.lsn == k_lsn);
    CHECK(failure.table == "t");
    CHECK_FALSE(to_failure(base::Error(base::ErrorKind::bug, "b")).lsn);
}

TEST_CASE("apply: a full disk is a failure, a broken connection is not") {
    using base::ErrorKind;
    CHECK(is_lost(base::Error(ErrorKind::transient, "gone")));
    CHECK(is_lost(base::Error(ErrorKind::transient, "deadlock", "", "40P01")));
    CHECK(is_lost(base::Error(ErrorKind::replica, "canceled", "", "57014")));
    CHECK_FALSE(is_lost(base::Error(ErrorKind::transient, "full", "", "53100")));
    CHECK_FALSE(is_lost(base::Error(ErrorKind::replica, "duplicate", "", "23505")));
}

TEST_CASE("apply: a difference between the tables is named") {
    model::TableDefinition table;
    table.relation = {"public", "a"};
    table.columns = {{"id", "integer", true}};
    model::TableDefinition other = table;
    const auto between = [](const auto& source, const auto& replica) {
        return difference({source, {}}, {replica, {}});
    };
    const std::vector<model::TableDefinition> none;
    const std::vector one = {table};
    CHECK_FALSE(between(one, std::vector{other}));
    other.columns[0].type = "bigint";
    CHECK_THAT(between(one, std::vector{other})->message, Catch::Contains("bigint"));
    CHECK_THAT(between(one, none)->message, Catch::Contains("missing in the replica"));
    CHECK_THAT(between(none, one)->message, Catch::Contains("gone at the source"));
    CHECK(between(none, one)->table == "public.a");
}

TEST_CASE("apply: a difference between the types is named") {
    const model::TypeDefinition mood = {{"public", "mood"}, "ENUM ('sad', 'ok')"};
    const model::TypeDefinition more = {{"public", "mood"}, "ENUM ('sad', 'ok', 'happy')"};
    const model::TypeDefinition pair = {{"public", "pair"}, "(\"a\" public.mood)"};
    CHECK_FALSE(difference({{}, {mood, pair}}, {{}, {pair, mood}}));
    CHECK_FALSE(difference({{}, {mood}}, {{}, {pair, mood}}));
    CHECK(difference({{}, {more, pair}}, {{}, {mood, pair}})->message ==
          "type public.mood is ENUM ('sad', 'ok', 'happy') at the source and ENUM ('sad', 'ok') in "
          "the replica");
}
