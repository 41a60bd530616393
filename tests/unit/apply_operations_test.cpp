// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "environment/apply/cells.hpp"
#include "environment/apply/difference.hpp"
#include "environment/apply/failed.hpp"
#include "environment/apply/operations.hpp"

#include <string>
#include <vector>

using namespace ardent;
using namespace ardent::apply;
using model::ColumnValue;
using model::ValueKind;

namespace {

TargetColumn column(const std::string& name, int number, bool key = false) {
    TargetColumn made;
    made.name = name;
    made.number = number;
    made.key = key;
    made.not_null = key;
    made.exact_equality = true;
    return made;
}

/// id key, "n a" numeric, b bytea, v virtual, i NOT NULL, a; the table had another column 3 once.
TargetTable sample(bool full = false) {
    TargetTable table;
    table.relation = {"s", "t\"x"};
    table.full = full;
    table.columns = {column("id", 1, !full), column("n a", 2), column("b", 4),
                     column("v", 5),         column("i", 6),   column("a", 7)};
    table.columns[1].may_be_nan = true;
    table.columns[1].exact_equality = false;
    table.columns[2].bytea = true;
    table.columns[3].is_virtual = true;
    table.columns[4].not_null = true;
    complete(table);
    return table;
}

ColumnValue value(const char* name, const char* text, ValueKind kind = ValueKind::text) {
    return {name, text, kind};
}

std::vector<ColumnValue> full_row() {
    return {value("id", "7", ValueKind::number),
            value("n a", "1.50", ValueKind::number),
            value("b", "00ff"),
            value("v", "", ValueKind::null),
            value("i", "9", ValueKind::number),
            value("a", "{\"x\\y\",NULL}")};
}

constexpr model::Lsn k_lsn{0x16B3748};

std::string cell_bytes(const std::string& text) {
    std::string bytes(3, '\0');
    bytes += static_cast<char>(text.size());
    return bytes + text + std::string(1, '\0');
}

const std::string k_lsn_bytes("\0\0\0\0\x01\x6B\x37\x48", 8);
const std::string k_null_bytes("\xFF\xFF\xFF\xFF");
const std::string k_unchanged_bytes("\xFF\xFF\xFF\xFE");

}  // namespace

TEST_CASE("apply: what a change tells of a row is its key, or under FULL all that is stored") {
    const TargetTable table = sample();
    CHECK(table.identity_numbers == "{1}");
    CHECK(table.stored_numbers == "{1,2,4,6,7}");
    CHECK(sample(true).identity_numbers == "{1,2,4,6,7}");
}

TEST_CASE("apply: changes as the replica's writer takes them") {
    const TargetTable table = sample();
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    Operations operations;
    operations.insert(table, cells.data(), k_lsn);
    const std::string row = cell_bytes("7") + cell_bytes("1.50") + cell_bytes("\\x00ff") +
                            cell_bytes("9") + cell_bytes("{\"x\\y\",NULL}");
    CHECK(operations.take() == "i" + k_lsn_bytes + row);
    CHECK(operations.empty());

    const std::vector<Cell> identity{cells[0]};
    fill_cells(table, k_lsn, {value("id", "8"), value("n a", "", ValueKind::null)}, cells);
    operations.update(table, identity, cells.data(), k_lsn);
    operations.remove(identity, k_lsn);
    const std::string update = "u" + k_lsn_bytes + cell_bytes("7") + cell_bytes("8") +
                               k_null_bytes + k_unchanged_bytes + k_unchanged_bytes +
                               k_unchanged_bytes;
    CHECK(operations.take() == update + "d" + k_lsn_bytes + cell_bytes("7"));
}

TEST_CASE("apply: a change that failed is told by its number") {
    const TargetTable table = sample();
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    Operations operations;
    operations.insert(table, cells.data(), k_lsn);
    operations.update(table, std::vector{cells[0]}, cells.data(), model::Lsn{5});
    operations.remove(std::vector{cells[0]}, model::Lsn{6});
    const std::string bytes = operations.take();
    const auto at = [&](std::size_t number) { return operation_at(table, bytes, number).value(); };
    CHECK(at(0).letter == 'i');
    CHECK(at(0).lsn == k_lsn);
    CHECK(at(0).row == "(id) = (7)");  // and no other value of the row
    CHECK(at(1).row == "(id) = (7)");
    CHECK(at(2).letter == 'd');
    CHECK(at(2).lsn == model::Lsn{6});
    CHECK_FALSE(operation_at(table, bytes, 3));
}

TEST_CASE(
    "apply: what is told of a virtual generated column is no value, NULL in a NOT NULL one "
    "included") {
    TargetTable table = sample();
    table.columns[3].not_null = true;
    table.columns[3].may_be_nan = true;
    std::vector<Cell> cells;
    fill_cells(table, k_lsn, full_row(), cells);
    CHECK(cells[3].state == CellState::absent);
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
