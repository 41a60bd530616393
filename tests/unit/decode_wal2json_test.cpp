// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "common/base/error.hpp"
#include "common/decode/wal2json.hpp"

#include <string>

using ardent::base::Error;
using ardent::decode::Wal2jsonDecoder;
using ardent::model::Action;
using ardent::model::Change;
using ardent::model::ColumnValue;
using ardent::model::Lsn;
using ardent::model::ValueKind;

namespace {

constexpr Lsn k_lsn{0x16B3748};

std::string insert_of(const std::string& value) {
    return R"({"action":"I","xid":737,"timestamp":"2026-11-21 08:44:32.133092+00","lsn":"0/16B3748",)"
           R"("schema":"public","table":"t","columns":[{"name":"c","value":)" +
           value + "}]}";
}

/// The text of the one value, as its own string, since the view ends with the next message.
std::string decoded(const std::string& json, ValueKind kind, const char* encoding = "UTF8") {
    Wal2jsonDecoder decoder(encoding);
    const std::string message = insert_of(json);
    const Change& change = decoder.decode(k_lsn, message);
    REQUIRE(change.action == Action::insert);
    REQUIRE(change.columns.size() == 1);
    CHECK(change.columns[0].name == "c");
    CHECK(change.columns[0].kind == kind);
    return std::string(change.columns[0].text);
}

std::string error_of(const std::string& message) {
    Wal2jsonDecoder decoder("UTF8");
    try {
        decoder.decode(k_lsn, message);
    } catch (const Error& error) {
        CHECK(error.kind() == ardent::base::ErrorKind::replica);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("decode: begin and commit carry the end of the commit record") {
    Wal2jsonDecoder decoder("UTF8");
    for (const char* const letter : {"B", "C"}) {
        const std::string message =
            std::string(R"({"action":")") + letter +
            R"(","xid":740,"timestamp":"2026-11-21 08:44:32.133092+00","lsn":"0/1BFF4D0","nextlsn":"A/1BFF500"})";
        const Change& change = decoder.decode(k_lsn, message);
        CHECK(static_cast<char>(change.action) == letter[0]);
        CHECK(change.lsn == k_lsn);
        CHECK(change.commit_end == Lsn{0xA01BFF500});
        CHECK(change.commit_timestamp == "2026-11-21 08:44:32.133092+00");
    }
}

TEST_CASE("decode: columns and identity keep their order; absent is absent") {
    Wal2jsonDecoder decoder("UTF8");
    const Change& change = decoder.decode(
        k_lsn,
        R"({"action":"U","xid":1,"lsn":"0/1","schema":"S \"q\"","table":"t","columns":[{"name":"id","value":3},)"
        R"({"name":"n","value":null}],"identity":[{"name":"id","value":2},{"name":"k","value":"a"}]})");
    CHECK(change.action == Action::update);
    CHECK(change.schema == "S \"q\"");
    REQUIRE(change.columns.size() == 2);
    CHECK(change.columns[0].text == "3");
    CHECK(change.columns[1].name == "n");
    CHECK(change.columns[1].kind == ValueKind::null);
    REQUIRE(change.identity.size() == 2);
    CHECK(change.identity[0].text == "2");
    CHECK(change.identity[1].text == "a");
}

TEST_CASE("decode: numbers are their own characters, of any length") {
    const std::string digits(400, '7');
    for (const std::string& number :
         {std::string("0"), std::string("-0"), std::string("1.50"), std::string("1e400"), digits,
          "-" + digits + "." + digits, std::string("18446744073709551616"),
          std::string("1.0e-07")}) {
        CHECK(decoded(number, ValueKind::number) == number);
    }
}

TEST_CASE("decode: booleans and null") {
    CHECK(decoded("true", ValueKind::boolean) == "true");
    CHECK(decoded("false", ValueKind::boolean) == "false");
    CHECK(decoded("null", ValueKind::null).empty());
}

TEST_CASE("decode: strings are unescaped") {
    CHECK(decoded(R"("")", ValueKind::text).empty());
    CHECK(decoded(R"("a\"\\\n\r\t\b\f\u0001\u001f")", ValueKind::text) ==
          "a\"\\\n\r\t\b\f\x01\x1f");
    CHECK(decoded("\"h\xC3\xA9 \xF0\x9F\x90\x98 \x7F\"", ValueKind::text) ==
          "h\xC3\xA9 \xF0\x9F\x90\x98 \x7F");
    CHECK(decoded(R"("{\"a\": [1,2]}")", ValueKind::text) == R"({"a": [1,2]})");
    CHECK(decoded("\"" + std::string(70000, 'x') + "\\n\"", ValueKind::text) ==
          std::string(70000, 'x') + "\n");
}

TEST_CASE("decode: plain says that nothing in the text needs an escape") {
    Wal2jsonDecoder decoder("UTF8");
    CHECK(decoder.decode(k_lsn, insert_of("\"abc \xC3\xA9\"")).columns[0].plain);
    CHECK(decoder.decode(k_lsn, insert_of("12")).columns[0].plain);
    CHECK_FALSE(decoder.decode(k_lsn, insert_of(R"("a\\b")")).columns[0].plain);
    CHECK_FALSE(decoder.decode(k_lsn, insert_of(R"("a\"b")")).columns[0].plain);
    CHECK_FALSE(decoder.decode(k_lsn, insert_of(R"("a\tb")")).columns[0].plain);
}

TEST_CASE("decode: bytes of another server encoding come out as they went in") {
    CHECK(decoded("\"h\xE9\xFF\x80\"", ValueKind::text, "LATIN1") == "h\xE9\xFF\x80");
    CHECK(decoded("\"h\xE9\\n\"", ValueKind::text, "SQL_ASCII") == "h\xE9\n");
    CHECK(decoded("\"\xA4\xA2\xA4\xA4\"", ValueKind::text, "EUC_JP") == "\xA4\xA2\xA4\xA4");
    Wal2jsonDecoder decoder("WIN1252");
    const Change& change = decoder.decode(
        k_lsn,
        "{\"action\":\"I\",\"schema\":\"p\xFC\",\"table\":\"\xE4\",\"columns\":[{\"name\":\"\xF6\","
        "\"value\":\"\x80\"}]}");
    CHECK(change.schema == "p\xFC");
    CHECK(change.table == "\xE4");
    CHECK(change.columns[0].name == "\xF6");
    CHECK(change.columns[0].text == "\x80");
}

TEST_CASE("decode: truncate, messages, and fields that are not known") {
    Wal2jsonDecoder decoder("UTF8");
    const Change& truncate = decoder.decode(
        k_lsn, R"({"action":"T","xid":745,"lsn":"0/1C00FC8","schema":"public","table":"vd"})");
    CHECK(truncate.action == Action::truncate);
    CHECK(truncate.table == "vd");
    const Change& message = decoder.decode(
        k_lsn,
        R"({"action":"M","xid":null,"timestamp":null,"lsn":"0/1C044D0","transactional":false,)"
        R"("prefix":"ardent.heartbeat","content":"b\"r","later":{"a":[1,{"b":2}]}})");
    CHECK(message.action == Action::message);
    CHECK_FALSE(message.transactional);
    CHECK(message.prefix == "ardent.heartbeat");
    CHECK(message.content == "b\"r");
    CHECK(message.commit_timestamp.empty());
    CHECK(decoder.decode(k_lsn, R"({"action":"M","transactional":true,"prefix":"p","content":""})")
              .transactional);
}

TEST_CASE("decode: what wal2json never writes is an error that names the LSN") {
    CHECK_THAT(error_of(""), Catch::Contains("0/16B3748"));
    CHECK_THAT(error_of(R"({"action":"X"})"), Catch::Contains("\"X\" is not known"));
    CHECK_THAT(error_of(R"({"xid":1})"), Catch::Contains("\"action\" is missing"));
    CHECK_THAT(error_of(R"({"action":"C"})"), Catch::Contains("nextlsn"));
    CHECK_THAT(error_of(R"({"action":"I","columns":[]})"), Catch::Contains("schema or table"));
    CHECK_THAT(error_of(R"({"action":"C","nextlsn":"zz"})"), Catch::Contains("no LSN"));
    CHECK_FALSE(error_of(insert_of("[1]")).empty());
    CHECK_FALSE(error_of(insert_of("nul")).empty());
    CHECK_FALSE(error_of(insert_of("1x")).empty());
    CHECK_FALSE(error_of(insert_of("\"\xFF\"")).empty());
    CHECK_FALSE(error_of(insert_of("1") + "{}").empty());
    const std::string whole = insert_of("\"abc\"");
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        CHECK_FALSE(error_of(whole.substr(0, cut)).empty());
    }
}

TEST_CASE("decode: the action letter without reading the rest") {
    CHECK(ardent::decode::action_letter(R"({"action":"T","xid":1})") == 'T');
    CHECK(ardent::decode::action_letter(R"({"action":")") == '\0');
    CHECK(ardent::decode::action_letter("{}") == '\0');
}
