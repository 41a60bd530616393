// SPDX-License-Identifier: PostgreSQL
#include "common/model/lsn.hpp"
#include "common/model/search_paths.hpp"
#include "common/model/table_definition.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::model;

TEST_CASE("an LSN is read and printed as pg_lsn does", "[model]") {
    CHECK(to_string(Lsn{0x16B3748}) == "0/16B3748");
    CHECK(to_string(Lsn{0x00000A1500000000}) == "A15/0");
    CHECK(parse_lsn("0/16B3748") == Lsn{0x16B3748});
    CHECK(parse_lsn("ffffffff/FFFFFFFF") == Lsn{UINT64_MAX});
    for (const char* bad : {"", "/", "0/", "/0", "0", "0/0/0", "0/123456789", "g/0", " 0/0", "0/0 ",
                            "-1/0", "0x1/0"}) {
        INFO(bad);
        CHECK_FALSE(parse_lsn(bad).has_value());
    }
}

namespace {

TableDefinition orders() {
    TableDefinition table;
    table.relation = {"public", "orders"};
    table.identity_columns = {"id"};
    table.columns = {{"id", "integer", true, Generated::no, 'a'},
                     {"total", "numeric(10,2)", false, Generated::no, ' '}};
    return table;
}

}  // namespace

TEST_CASE("equal definitions have no difference", "[model]") {
    CHECK(describe_difference(orders(), orders()).empty());
}

TEST_CASE("the first difference is named with both sides", "[model]") {
    TableDefinition replica = orders();
    replica.columns[1].type = "numeric(12,2)";
    CHECK(describe_difference(orders(), replica) ==
          "table public.orders: column 2 is total numeric(10,2) at the source and "
          "total numeric(12,2) in the replica");

    replica = orders();
    replica.columns.pop_back();
    CHECK(describe_difference(orders(), replica) ==
          "table public.orders: column total numeric(10,2) is missing in the replica");

    replica = orders();
    replica.columns.push_back({"note", "text", false, Generated::no, ' '});
    CHECK(describe_difference(orders(), replica) ==
          "table public.orders: column note text is gone at the source");

    replica = orders();
    replica.columns[1].generated = Generated::virtually;
    TableDefinition source = orders();
    source.columns[1].generated = Generated::stored;
    CHECK(describe_difference(source, replica) ==
          "table public.orders: column 2 is total numeric(10,2) GENERATED ALWAYS AS STORED at the "
          "source and total numeric(10,2) GENERATED ALWAYS AS VIRTUAL in the replica");

    replica = orders();
    replica.replica_identity = 'f';
    CHECK(describe_difference(orders(), replica) ==
          "table public.orders: rows are identified by (id) at the source and by FULL in the "
          "replica");

    replica = orders();
    replica.columns[0].identity = ' ';
    CHECK(
        describe_difference(orders(), replica) ==
        "table public.orders: column 1 is id integer NOT NULL GENERATED ALWAYS AS IDENTITY at the "
        "source and id integer NOT NULL in the replica");
}

TEST_CASE("partitions and children are compared with their parents", "[model]") {
    TableDefinition part = orders();
    part.parents = {{"public", "all_orders"}};
    part.partition_bound = "FOR VALUES FROM (1) TO (10)";
    TableDefinition replica = part;
    replica.partition_bound = "FOR VALUES FROM (1) TO (20)";
    CHECK(describe_difference(part, replica) ==
          "table public.orders: it is a partition of public.all_orders FOR VALUES FROM (1) TO (10) "
          "at the source and a partition of public.all_orders FOR VALUES FROM (1) TO (20) in the "
          "replica");
    CHECK(describe_difference(orders(), part) ==
          "table public.orders: it is without a parent at the source and a partition of "
          "public.all_orders FOR VALUES FROM (1) TO (10) in the replica");
    TableDefinition child = orders();
    child.parents = {{"public", "a"}, {"My Schema", "b"}};
    replica = child;
    std::swap(replica.parents[0], replica.parents[1]);
    CHECK(describe_difference(child, replica) ==
          "table public.orders: it is a child of public.a, \"My Schema\".b at the source and a "
          "child of \"My Schema\".b, public.a in the replica");
    TableDefinition parted = orders();
    parted.kind = 'p';
    parted.partition_key = "RANGE (\"id\")";
    replica = parted;
    replica.partition_key = "HASH (\"id\")";
    CHECK(describe_difference(parted, replica) ==
          "table public.orders: it is partitioned by RANGE (\"id\") at the source and by HASH "
          "(\"id\") in the replica");
}

TEST_CASE("the order of columns counts but in a child", "[model]") {
    TableDefinition source = orders();
    TableDefinition replica = source;
    std::swap(replica.columns[0], replica.columns[1]);
    CHECK_FALSE(describe_difference(source, replica).empty());
    source.parents = replica.parents = {{"public", "base"}};
    CHECK(describe_difference(source, replica).empty());
    replica.columns[0].type = "numeric";
    CHECK_FALSE(describe_difference(source, replica).empty());
    replica = source;
    source.partition_bound = replica.partition_bound = "DEFAULT";  // of a dump as it was
    std::swap(replica.columns[0], replica.columns[1]);
    CHECK_FALSE(describe_difference(source, replica).empty());
}

TEST_CASE("types are compared by what they are", "[model]") {
    const TypeDefinition source = {{"My Schema", "mood"}, "ENUM ('sad', 'ok')"};
    TypeDefinition replica = source;
    CHECK(describe_difference(source, replica).empty());
    replica.definition = "ENUM ('sad')";
    CHECK(describe_difference(source, replica) ==
          "type \"My Schema\".mood is ENUM ('sad', 'ok') at the source and ENUM ('sad') in the "
          "replica");
}

TEST_CASE("a relation is read as it is shown", "[model]") {
    for (const RelationName& name :
         {RelationName{"public", "a"}, RelationName{"a.b", "c"}, RelationName{"a", "b.c"},
          RelationName{"My Schema", "t\"x"}, RelationName{"user", "order"}}) {
        CHECK(parse_relation(to_string(name)) == name);
    }
    CHECK(parse_relation("Public.T") == RelationName{"Public", "T"});
    for (const char* const bad : {"", "a", "a.", ".b", "a.b.c", "\"a.b", "\"\".b", "\"a\"b.c"}) {
        INFO(bad);
        CHECK_FALSE(parse_relation(bad).has_value());
    }
}

TEST_CASE("names are shown quoted where SQL needs it", "[model]") {
    CHECK(to_string(RelationName{"public", "orders"}) == "public.orders");
    CHECK(to_string(RelationName{"My Schema", "a\"b"}) == "\"My Schema\".\"a\"\"b\"");
    CHECK(to_string(RelationName{"1a", ""}) == "\"1a\".\"\"");
}

TEST_CASE("a role has its own search_path, or the usual one", "[model]") {
    const SearchPaths paths{"\"$user\", public", {{"app", "app, public"}}};
    CHECK(paths.of("app") == "app, public");
    CHECK(paths.of("other") == "\"$user\", public");
}

TEST_CASE("$user in a search_path becomes the role, wherever it stands alone", "[model]") {
    CHECK(path_of_user("\"$user\", public", "app") == "\"app\", public");
    CHECK(path_of_user("public,$user , \"a,\"\"b\"", "O\"x") == "public, \"O\"\"x\", \"a,\"\"b\"");
    CHECK(path_of_user("\"x$user\", \"\"", "app") == "\"x$user\", \"\"");
    CHECK(path_of_user("", "app").empty());
}
