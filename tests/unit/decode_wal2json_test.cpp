// SPDX-License-Identifier: PostgreSQL
#include "tests/support/catch.hpp"

#include "common/base/error.hpp"
#include "common/decode/scan.hpp"
#include "common/decode/wal2json.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

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
    CHECK_THAT(error_of(R"({"action":"I","schema":"s","table":"t","columns":[{"value":"secret")"),
               Catch::Contains("\"table\":\"t\"") && !Catch::Contains("secret"));
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

namespace {

/// A Change as one text, so that two can be compared.
std::string spelled(const Change& change) {
    std::string text{static_cast<char>(change.action)};
    const auto add = [&](std::string_view part) { (text += '|') += part; };
    add(change.schema);
    add(change.table);
    add(to_string(change.commit_end));
    add(change.commit_timestamp);
    for (const auto* const list : {&change.columns, &change.identity}) {
        for (const ColumnValue& column : *list) {
            add(column.name);
            add(std::to_string(static_cast<int>(column.kind)));
            add(column.text);
        }
        text += '#';
    }
    return text;
}

std::string long_way(const std::string& message, const char* encoding) {
    Wal2jsonDecoder decoder(encoding, false);
    try {
        return spelled(decoder.decode(k_lsn, message));
    } catch (const Error&) {
        return "error";
    }
}

/// Empty when the short way leaves the message to the long one.
std::string short_way(const std::string& message, bool ascii) {
    Change change;
    return ardent::decode::scan(message, ascii, change) ? spelled(change) : std::string();
}

std::vector<std::string> seeds() {
    return {
        insert_of("1"),
        insert_of("\"a text of some length, longer than a word\""),
        insert_of(R"("with \"escapes\" \\ \n")"),
        insert_of("\"h\xC3\xA9 \xE6\x97\xA5\""),
        insert_of("null},{\"name\":\"b\",\"value\":true},{\"name\":\"d\",\"value\":-1.5e-300"),
        R"({"action":"U","xid":1,"timestamp":"2026-11-21 08:44:32+00","lsn":"0/1","schema":"s","table":"t",)"
        R"("columns":[{"name":"id","value":3}],"identity":[{"name":"id","value":2}]})",
        R"({"action":"D","xid":1,"lsn":"0/1","schema":"s","table":"t","identity":[{"name":"i","value":"x"}]})",
        R"({"action":"I","xid":1,"lsn":"0/1","schema":"s","table":"t","columns":[]})",
        R"({"action":"T","xid":1,"lsn":"0/1","schema":"s","table":"t"})",
        R"({"action":"B","xid":1,"timestamp":"2026-11-21 08:44:32+00","lsn":"0/1","nextlsn":"A/2"})",
        R"({"action":"M","xid":null,"timestamp":null,"lsn":"0/1","transactional":false,"prefix":"p","content":"c"})"};
}

}  // namespace

TEST_CASE("decode: the short way reads what wal2json writes, and as the long way does") {
    std::size_t read = 0;
    for (const std::string& message : seeds()) {
        const std::string result = short_way(message, true);
        read += result.empty() ? 0 : 1;
        CHECK((result.empty() || result == long_way(message, "UTF8")));
    }
    CHECK(read == 8);  // not the ones with escapes, other letters, or a logical message
}

TEST_CASE("decode: the short way never reads what the long way reads otherwise") {
    std::mt19937 random(20261121);
    const std::string alphabet = "\"\\{}[],:ntf0123456789.-+eEaxu \n\x01\x1F\x7F\x80\xC3\xA9\xFF";
    const std::vector<std::string> all = seeds();
    std::size_t read = 0;
    for (int round = 0; round < 60000; ++round) {
        std::string message = all[random() % all.size()];
        for (unsigned edits = random() % 3; edits > 0; --edits) {
            const std::size_t place = random() % message.size();
            switch (random() % 4) {
            case 0:
                message[place] = alphabet[random() % alphabet.size()];
                break;
            case 1:
                message.insert(place, 1, alphabet[random() % alphabet.size()]);
                break;
            case 2:
                message.erase(place, 1 + random() % 4);
                break;
            default:
                message.insert(place, message.substr(random() % message.size(), random() % 20));
            }
            if (message.empty()) {
                message = "{";
            }
        }
        const bool ascii = random() % 2 == 0;
        const std::string result = short_way(message, ascii);
        if (!result.empty()) {
            ++read;
            INFO(message);
            REQUIRE(result == long_way(message, ascii ? "UTF8" : "LATIN1"));
        }
    }
    CHECK(read > 10000);
}
