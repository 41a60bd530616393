// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/protocol/messages.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::protocol;
using ardent::base::Error;
using ardent::model::Lsn;
using ardent::model::RelationName;
using ardent::model::TableDefinition;

namespace {

Hello sample_hello() {
    Hello hello;
    hello.agent_version = "0.1.0";
    hello.source.system_identifier = "18446744073709551615";
    hello.source.timeline = 3;
    hello.source.server_version_num = 150020;
    hello.source.database = "na\xC3\xAFve \"db\"";
    hello.source.server_encoding = "LATIN1";
    hello.source.locale_provider = "c";
    hello.source.lc_collate = "C";
    hello.source.lc_ctype = "C";
    hello.source.icu_rules = "&a < g";
    hello.slot.name = "ardent_1";
    hello.slot.plugin = "wal2json";
    hello.slot.plugin_options = {{"format-version", "2"}};
    hello.slot.exists = true;
    hello.slot.confirmed_flush = Lsn{0x16B3748};
    hello.schemas = {"public", "My Schema"};
    hello.excluded = {{"a.b", "c"}, {"a", "b.c"}};
    hello.preflight = R"({"preflight_pass":true})";
    hello.search_paths = {"app, public", {{"billing owner", "\"$user\", \"ä\""}}};
    return hello;
}

std::vector<TableDefinition> sample_tables() {
    TableDefinition table;
    table.relation = {"public", "t"};
    table.kind = 'p';
    table.replica_identity = 'i';
    table.identity_columns = {"a", "b"};
    table.columns = {{"a", "integer", true, ardent::model::Generated::no, 'd'},
                     {"c", "text", false, ardent::model::Generated::stored, ' '},
                     {"v", "text", false, ardent::model::Generated::virtually, ' '}};
    table.parents = {{"a.b", "c"}, {"a", "b.c"}};
    table.partition_bound = "FOR VALUES IN ('it''s')";
    table.partition_key = "LIST (\"c\")";
    return {table};
}

}  // namespace

TEST_CASE("hello comes back as it went", "[protocol]") {
    const Hello sent = sample_hello();
    const Hello got = parse_hello(to_json(sent));
    CHECK(got.source.system_identifier == sent.source.system_identifier);
    CHECK(got.source.timeline == 3);
    CHECK(got.source.database == sent.source.database);
    CHECK_FALSE(got.source.icu_locale.has_value());
    CHECK(got.slot.confirmed_flush == sent.slot.confirmed_flush);
    CHECK(got.slot.plugin_options == sent.slot.plugin_options);
    CHECK(got.schemas == sent.schemas);
    CHECK(got.excluded == sent.excluded);
    CHECK(got.preflight == sent.preflight);
    CHECK(got.search_paths == sent.search_paths);
}

TEST_CASE("a hello of another protocol is read as far as its version", "[protocol]") {
    const Hello got = parse_hello(R"({"protocol": 9, "agent_version": "4.0.0", "new": {}})");
    CHECK(got.protocol == 9);
    CHECK(got.agent_version == "4.0.0");
}

TEST_CASE("the answers carry the state and the failure", "[protocol]") {
    Progress progress;
    progress.state = ConnectorState::failed;
    progress.durable = Lsn{5};
    progress.next_sequence = UINT64_MAX;
    progress.failure = Failure{"no row", "resync", Lsn{7}, "public.t"};
    const Progress got = parse_progress(to_json(progress));
    CHECK(got.state == ConnectorState::failed);
    CHECK(got.durable == Lsn{5});
    CHECK(got.next_sequence == UINT64_MAX);
    REQUIRE(got.failure.has_value());
    CHECK(got.failure->lsn == Lsn{7});
    CHECK(got.failure->table == "public.t");
    CHECK(got.copy_again.empty());
    progress.copy_again = {{"9d2f", {"public", "orders"}}};
    const Progress again = parse_progress(to_json(progress));
    REQUIRE(again.copy_again.size() == 1);
    CHECK(again.copy_again[0].id == "9d2f");
    CHECK(again.copy_again[0].table == RelationName{"public", "orders"});
    // from an environment before it
    CHECK(parse_progress(R"({"state": "streaming", "next_sequence": 1})").copy_again.empty());

    CopyAgainBegin begin;
    begin.table.relation = {"public", "orders"};
    begin.table.columns = {{"id", "integer", true, ardent::model::Generated::no, 'a'}};
    begin.types = {{{"public", "mood"}, "ENUM ('low')"}};
    begin.snapshot = "10:20:10,14";
    begin.lsn = Lsn{9};
    const CopyAgainBegin begun = parse_copy_again_begin(to_json(begin));
    CHECK(begun.table == begin.table);
    CHECK(begun.types == begin.types);
    CHECK(begun.snapshot == begin.snapshot);
    CHECK(begun.lsn == begin.lsn);

    Welcome welcome;
    welcome.session = std::string(32, 'a');
    welcome.ddl_prefixes = {"ardent.ddl." + std::string(32, '0')};
    const Welcome back = parse_welcome(to_json(welcome));
    CHECK(back.state == ConnectorState::copy);
    CHECK_FALSE(back.durable.has_value());
    CHECK(back.limits.in_flight == 3);
    CHECK(back.ddl_prefixes == welcome.ddl_prefixes);
}

TEST_CASE("hello tells keys, and where each was made", "[protocol]") {
    Hello hello;
    CHECK_FALSE(parse_hello(to_json(hello)).ddl.has_value());
    hello.ddl.emplace();
    hello.ddl->keys = {{"9f2c41d07a6be815", std::string(64, '1')}};
    hello.ddl->made = {{"9f2c41d07a6be815", Lsn{0x100000016}}};
    const auto back = parse_hello(to_json(hello)).ddl;
    REQUIRE(back.has_value());
    CHECK(back->keys == hello.ddl->keys);
    CHECK(back->made == hello.ddl->made);
}

TEST_CASE("a copy carries definitions, owners and what stays behind", "[protocol]") {
    CopyBegin begin;
    begin.session = std::string(32, '0');
    begin.slot = "ardent_1";
    begin.consistent_point = Lsn{1};
    begin.server_encoding = "UTF8";
    begin.extensions = {{"citext", "1.6", "public"}};
    begin.owners = {{"table", {"public", "t"}, {}, "bob"}};
    begin.tables = sample_tables();
    begin.not_carried.sequences = {"public.s"};
    begin.not_carried.large_objects = 4;
    begin.search_paths.usual = "app";
    begin.enums = {{{"public", "mood"}, 16390, {16392, 16394, 4294967295}}};
    begin.generated = {{{"public", "orders"}, "to tal", 16400}};
    const CopyBegin got = parse_copy_begin(to_json(begin));
    CHECK(got.enums.at(0).type == begin.enums.at(0).type);
    CHECK(got.enums.at(0).type_oid == 16390);
    CHECK(got.enums.at(0).labels == begin.enums.at(0).labels);
    CHECK(got.generated.at(0).table == begin.generated.at(0).table);
    CHECK(got.generated.at(0).name == "to tal");
    CHECK(got.generated.at(0).made == 16400);
    CHECK(got.tables == begin.tables);
    CHECK(got.extensions.at(0).schema == "public");
    CHECK(got.owners.at(0).names == begin.owners.at(0).names);
    CHECK(got.not_carried.large_objects == 4);
    CHECK(got.search_paths == begin.search_paths);
    CHECK(parse_copy_finish(to_json(CopyFinish{begin.session, {0, 5}})).rows ==
          std::vector<std::uint64_t>{0, 5});
}

TEST_CASE("a schema report carries tables and types", "[protocol]") {
    SchemaReport report;
    report.session = std::string(32, '0');
    report.definitions.tables = sample_tables();
    report.definitions.types = {{{"public", "mood"}, "ENUM ('sad', 'ok')"}};
    const SchemaReport got = parse_schema_report(to_json(report));
    CHECK(got.session == report.session);
    CHECK(got.definitions.tables == report.definitions.tables);
    CHECK(got.definitions.types == report.definitions.types);
}

TEST_CASE("a report of sequences carries 64 bits and names of any kind", "[protocol]") {
    SequenceReport report;
    report.session = std::string(32, '0');
    report.number = 3;
    report.lsn = Lsn{0x16B3748};
    report.values = {{{"My \"Schema", "s.1"}, INT64_MIN, true},
                     {{"public", "t"}, INT64_MAX, false}};
    report.gone = {{"public", "old"}};
    report.unreadable = {{"public", "secret"}};
    const SequenceReport got = parse_sequence_report(to_json(report));
    CHECK(got.session == report.session);
    CHECK(got.number == 3);
    CHECK(got.lsn == report.lsn);
    CHECK(got.values == report.values);
    CHECK(got.gone == report.gone);
    CHECK(got.unreadable == report.unreadable);
    for (const char* const value : {"\"9223372036854775808\"", "\"1x\"", "\"\"", "1"}) {
        const std::string text =
            R"({"session": "s", "number": 1, "lsn": "0/1", "gone": [], "unreadable": [], "values": [)"
            R"({"schema": "s", "name": "n", "is_called": true, "last_value": )" +
            std::string(value) + "}]}";
        CHECK_THROWS_AS(parse_sequence_report(text), Error);
    }
}

TEST_CASE("identity and failure stand by themselves", "[protocol]") {
    const SourceIdentity sent = sample_hello().source;
    const SourceIdentity got = parse_source_identity(to_json(sent));
    CHECK(got.system_identifier == sent.system_identifier);
    CHECK(got.timeline == sent.timeline);
    CHECK_FALSE(got.icu_locale.has_value());
    CHECK(got.icu_rules == sent.icu_rules);
    const Failure failure =
        parse_failure(to_json(Failure{"no row", "mend it", Lsn{7}, "public.t", "(id) = (4)"}));
    CHECK(failure.message == "no row");
    CHECK(failure.hint == "mend it");
    CHECK(failure.lsn == Lsn{7});
    CHECK(failure.table == "public.t");
    CHECK(failure.row == "(id) = (4)");
    CHECK(parse_failure(R"({"message": "", "hint": "", "table": ""})").row.empty());
    Progress progress;
    progress.failure = failure;
    CHECK_THAT(to_json(progress), !Catch::Contains("= (4)"));  // nothing for the agent
    CHECK_THROWS_AS(parse_failure("[]"), Error);
}

TEST_CASE("status figures that are not known are null", "[protocol]") {
    AgentStatus status;
    status.session = "s";
    status.retained_wal_bytes = 12;
    const AgentStatus got = parse_agent_status(to_json(status));
    CHECK(got.retained_wal_bytes == 12);
    CHECK_FALSE(got.source_lsn.has_value());
    CHECK_FALSE(got.safe_wal_size.has_value());
    CHECK_FALSE(got.preflight.has_value());
    CHECK(to_json(status).find("preflight") == std::string::npos);
    status.preflight = R"({"preflight_pass":true})";
    CHECK(parse_agent_status(to_json(status)).preflight == status.preflight);
}

TEST_CASE("a message that does not fit names the field", "[protocol]") {
    const auto message_of = [](const std::string& text) {
        try {
            static_cast<void>(parse_progress(text));
        } catch (const Error& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK_THAT(message_of("{"), Catch::Contains("is no JSON"));
    CHECK_THAT(message_of("[]"), Catch::Contains("is no JSON object"));
    CHECK_THAT(message_of("{}"), Catch::Contains("\"state\" is missing"));
    CHECK_THAT(message_of(R"({"state":"up"})"), Catch::Contains("\"state\""));
    CHECK_THAT(message_of(R"({"state":"copy","durable_lsn":"x"})"), Catch::Contains("an LSN"));
    CHECK_THAT(message_of(R"({"state":"copy","durable_lsn":null,"next_sequence":-1})"),
               Catch::Contains("whole number"));
    CHECK_THAT(message_of(R"({"state":"copy","durable_lsn":null,"next_sequence":1.5})"),
               Catch::Contains("whole number"));
}

TEST_CASE("any error body gives a detail", "[protocol]") {
    CHECK(parse_error_body(R"({"detail":"no","code":"not_found"})").code == "not_found");
    CHECK(parse_error_body("<html>").detail == "<html>");
    CHECK(parse_error_body(R"({"detail":[1]})").detail == R"({"detail":[1]})");
}
