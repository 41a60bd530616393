// SPDX-License-Identifier: PostgreSQL
// The DDL message: form, signature, body, and which message is taken for the source's own
// (invariant 13).
#include "common/decode/ddl_message.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/ddl/settings.hpp"
#include "environment/replay/gate.hpp"
#include "tests/support/catch.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>

using namespace ardent;
using replay::Gate;
using replay::Judgement;
using replay::Refused;

namespace {

const std::string k_id = "9f2c41d07a6be815";
const std::string k_hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string key_bytes() {
    std::string bytes;
    for (char i = 0; i < 32; ++i) {
        bytes += i;
    }
    return bytes;
}

// Written once more, so that the test does not check the code with itself.
std::string code_of(const std::string& version, const std::string& id, const std::string& body) {
    const std::string bytes = "ardent.ddl\n" + version + "\n" + id + "\n" + body;
    const std::string key = key_bytes();
    std::array<unsigned char, 32> code{};
    unsigned int length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code.data(), &length);
    return base::to_hex({reinterpret_cast<const char*>(code.data()), code.size()});
}

std::string message_of(const std::string& body, const std::string& version = "1",
                       const std::string& id = k_id) {
    return "{\"version\":" + version + ",\"key\":\"" + id + "\",\"hmac\":\"" +
           code_of(version, id, body) + "\",\"body\":" + body + "}";
}

std::string body_of(const std::string& xid, int ordinal, const std::string& more = "") {
    return R"({"kind":"ddl","database":"shop","database_oid":16384,"xid":")" + xid +
           R"(","ordinal":)" + std::to_string(ordinal) +
           R"(,"tag":"ALTER TABLE","text":"ALTER TABLE orders ADD note text","text_known":true)" +
           more + "}";
}

replay::Origin origin() {
    replay::Origin value;
    value.database = "shop";
    value.database_oid = 16384;
    value.next_xid = 4294968100;
    value.keys = {{k_id, k_hex}};
    return value;
}

model::Change change_of(const std::string& content, std::uint32_t xid = 741) {
    model::Change change;
    change.action = model::Action::message;
    static const std::string prefix = decode::prefix_of(key_bytes());
    change.prefix = prefix;
    change.content = content;
    change.transactional = true;
    change.xid = xid;
    return change;
}

std::string refusal(const Judgement& judgement) {
    const auto* const refused = std::get_if<Refused>(&judgement);
    return refused == nullptr ? "accepted" : refused->why;
}

}  // namespace

TEST_CASE("ddl message: the code is HMAC-SHA-256 over prefix, version, key id and body") {
    // RFC 4231's way, computed with `openssl dgst -sha256 -mac HMAC`
    const std::string message = message_of("{}");
    const auto envelope = ddl::parse_envelope(message);
    REQUIRE(envelope);
    CHECK(envelope->body == "{}");
    CHECK(envelope->body.data() - message.data() == 119);
    CHECK(envelope->code == "19f8da268297726406ff44b69421fafebb1af4c818896d564a811f1c63ed17f9");
    CHECK(decode::is_signed(*envelope, key_bytes()));
    CHECK_FALSE(decode::is_signed(*envelope, std::string(32, 'k')));
}

TEST_CASE("ddl message: only the one outer form is opened") {
    const std::string good = message_of(body_of("4294968037", 1));
    REQUIRE(ddl::parse_envelope(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
        const auto cut = ddl::parse_envelope(std::string_view(good).substr(0, i));
        // a message that was cut short may have the form still, never the code
        CHECK_FALSE((cut && decode::is_signed(*cut, key_bytes())));
    }
    CHECK_FALSE(ddl::parse_envelope(" " + good));
    CHECK_FALSE(ddl::parse_envelope(good + " "));
    std::string upper = good;
    upper[20] = 'A';
    CHECK_FALSE(ddl::parse_envelope(upper));
    CHECK_FALSE(ddl::parse_envelope(R"({"version":01,"key":)"));
    CHECK_FALSE(ddl::parse_envelope(""));
}

TEST_CASE("ddl message: any bit that is turned makes the code wrong") {
    const std::string good = message_of(body_of("4294968037", 1));
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string other = good;
        other[i] = static_cast<char>(other[i] ^ 1);
        const auto envelope = ddl::parse_envelope(other);
        CHECK_FALSE((envelope && decode::is_signed(*envelope, key_bytes())));
    }
}

TEST_CASE("ddl message: the body is read") {
    const model::DdlStatement read = decode::parse_ddl(body_of("4294968037", 1, R"j(,
        "masked":false,"nested":true,"role":"app","search_path":"\"$user\", public","new_field":[1],
        "settings":{"DateStyle":"German, DMY"},
        "objects":[{"type":"table","schema":"public","identity":"public.orders","oid":16402,"command":"ALTER TABLE"},
                   {"type":"policy","identity":"p on public.orders","oid":16403,"command":"CREATE POLICY","invalid":true}],
        "dropped":[{"type":"table column","schema":"public","identity":"public.orders.a","oid":1,"original":true,"invalid":true}],
        "rewritten":[{"identity":"public.orders","oid":16402,"reasons":["default"],
                      "values":"other","because":"now"}],
        "tables":[{"oid":16402,"schema":"public","name":"orders","kind":"table","persistence":"permanent","owner":"app","lock":"share",
          "columns":[{"name":"id","type":"bigint","not_null":true,"identity":"always"},
                     {"name":"at","type":"timestamp with time zone","default":"now()",
                      "missing":"2026-01-02 03:04:05+00","added":"other","because":"now"}],
          "checks":["positive"],"keys":[{"name":"k","primary":true,"columns":["id",null],"immediate":true,"valid":true}],
          "replica_identity":"default","partition_of":{"schema":"public","name":"all"},
          "partition_bound":"DEFAULT","inherits":[{"schema":"a","name":"b"}]}])j"),
                                                       "UTF8");
    CHECK(read.kind == model::DdlKind::ddl);
    CHECK(read.xid == 4294968037);
    CHECK(read.text == "ALTER TABLE orders ADD note text");
    CHECK(read.nested);
    CHECK(read.search_path == "\"$user\", public");
    CHECK(read.settings.size() == ddl::k_settings.size());
    CHECK(read.settings.at("DateStyle") == "German, DMY");
    CHECK(read.settings.at("TimeZone") == "GMT");  // not said: what PostgreSQL comes with
    REQUIRE(read.objects.size() == 2);
    CHECK(read.objects[0].schema == "public");
    CHECK_FALSE(read.objects[1].schema);
    REQUIRE(read.dropped.size() == 1);
    CHECK_FALSE(read.objects[0].invalid);
    CHECK(read.objects[1].invalid);
    CHECK(read.dropped[0].original);
    CHECK(read.dropped[0].invalid);
    REQUIRE(read.rewritten.size() == 1);
    CHECK(read.rewritten[0].reasons == std::vector<std::string>{"default"});
    CHECK(read.rewritten[0].values == "other");
    CHECK(read.rewritten[0].because == "now");
    REQUIRE(read.tables.size() == 1);
    const model::DdlTable& table = read.tables[0];
    CHECK(table.relation == model::RelationName{"public", "orders"});
    CHECK(table.columns[0].identity == "always");
    CHECK(table.columns[1].expression == "now()");
    CHECK(table.lock == "share");
    CHECK(table.checks == std::vector<std::string>{"positive"});
    CHECK(table.missing == std::map<std::string, std::string>{{"at", "2026-01-02 03:04:05+00"}});
    REQUIRE(table.added.size() == 1);
    CHECK(table.added.at("at").value == "other");
    CHECK(table.added.at("at").because == "now");
    CHECK(read.session_role == read.role);
    CHECK(table.keys[0].columns[0] == "id");
    CHECK_FALSE(table.keys[0].columns[1]);
    CHECK(table.partition_of == model::RelationName{"public", "all"});
    CHECK(table.inherits.size() == 1);
}

TEST_CASE("ddl message: texts keep the bytes of the server's encoding") {
    const std::string name = "caf\xe9";
    const auto read = decode::parse_ddl(
        body_of("1", 1, R"(,"role":")" + name + R"(","search_path":"tab\there")"), "LATIN1");
    CHECK(read.role == name);
    CHECK(read.search_path == "tab\there");
    CHECK_THROWS_AS(decode::parse_ddl(body_of("1", 1, R"(,"role":")" + name + "\""), "UTF8"),
                    base::Error);
}

TEST_CASE("ddl message: a signed body that does not fit is an error that names the field") {
    const auto fails = [](const std::string& body, const std::string& field) {
        CHECK_THROWS_WITH(decode::parse_ddl(body, "UTF8"), Catch::Contains(field));
    };
    fails("[]", "body is no object");
    fails("{", "no JSON");
    fails(R"({"kind":"other"})", "its kind is \"other\"");
    fails(body_of("x", 1), "xid");
    fails(body_of("1", 1, R"(,"rows_follow":1)"), "body.rows_follow");
    fails(body_of("1", 1, R"(,"objects":[{"identity":"x"}])"), "body.objects.type");
    fails(body_of("1", 1, R"(,"tables":{})"), "body.tables");
}

TEST_CASE(
    "invariant 13: a message counts in the one place of the one transaction it was written in") {
    Gate gate(origin());
    gate.begin(741);
    const std::string first = message_of(body_of("4294968037", 1));
    const auto judge = [&](const std::string& content) {
        return refusal(gate.judge(change_of(content)));
    };

    CHECK(judge(first) == "accepted");
    CHECK(judge(first) == "its ordinal 1 came before in the same transaction");
    CHECK(judge(message_of(body_of("4294968037", 3))) == "accepted");
    CHECK(judge(message_of(body_of("4294968037", 2))) ==
          "its ordinal 2 came before in the same transaction");
    CHECK(judge(message_of(body_of("741", 9))) ==
          "it belongs to transaction 741 and stands in transaction 4294968037");
    CHECK(judge(message_of(body_of("4294968038", 9))).find("it belongs to transaction") == 0);

    gate.begin(742);
    CHECK(refusal(gate.judge(change_of(first, 742))).find("it belongs to transaction") == 0);
    gate.begin(741);
    CHECK(judge(first) == "accepted");
}

TEST_CASE("invariant 13: what is not signed by a key of the source is refused") {
    Gate gate(origin());
    gate.begin(741);
    const std::string body = body_of("4294968037", 1);
    const auto judge = [&](const std::string& content) {
        return refusal(gate.judge(change_of(content)));
    };

    CHECK(judge("DROP TABLE orders") == "it has not the form of a DDL message");
    CHECK(judge(body) == "it has not the form of a DDL message");
    std::string forged = message_of(body);
    forged.replace(46, 64, std::string(64, '0'));
    CHECK(judge(forged) == "its code is wrong");
    std::string other_text = message_of(body);
    other_text.replace(other_text.find("ADD note"), 8, "DROP not");
    CHECK(judge(other_text) == "its code is wrong");
    CHECK(judge(message_of(body, "2").replace(11, 1, "1")) == "its code is wrong");

    model::Change loose = change_of("");
    const std::string good = message_of(body);
    loose.content = good;
    loose.transactional = false;
    CHECK(refusal(gate.judge(loose)) == "it is not transactional");
    CHECK(judge(good) == "accepted");
}

TEST_CASE("invariant 13: another database's message is refused") {
    const std::string good = message_of(body_of("4294968037", 1));
    for (const auto& [database, oid] : {std::pair("shop", 5U), std::pair("other", 16384U)}) {
        replay::Origin other = origin();
        other.database = database;
        other.database_oid = oid;
        Gate gate(other);
        gate.begin(741);
        CHECK(refusal(gate.judge(change_of(good))).find("it was written in database shop") == 0);
    }
}

TEST_CASE("ddl message: a prefix is one key's, and no message makes anybody ask for keys") {
    replay::Origin two = origin();
    const std::string other_hex(64, '7');
    two.keys.emplace("00000000000000bb", other_hex);
    Gate gate(two);
    gate.begin(741);
    const std::string prefix = decode::prefix_of(key_bytes());
    CHECK(ddl::is_message_prefix(prefix));
    CHECK(prefix != decode::prefix_of(std::string(32, 'w')));
    CHECK(gate.knows(prefix));
    CHECK_FALSE(gate.knows("ardent.ddl"));
    CHECK_FALSE(gate.knows("ardent.ddl." + std::string(32, '0')));
    const std::string body = body_of("4294968037", 1);
    CHECK(refusal(gate.judge(change_of(message_of(body, "1", "00000000000000aa")))) ==
          "its key 00000000000000aa is not the one of its prefix");
    CHECK(refusal(gate.judge(change_of(message_of(body, "1", "00000000000000bb")))) ==
          "its key 00000000000000bb is not the one of its prefix");
    CHECK(refusal(gate.judge(change_of(message_of(body)))) == "accepted");
}

TEST_CASE("ddl message: the form of a prefix") {
    CHECK(ddl::message_prefix(std::string(64, 'a')) == "ardent.ddl." + std::string(32, 'a'));
    for (const char* const other :
         {"", "ardent.ddl", "ardent.ddl.", "ardent.ddl.0123456789abcdef", "ardent.heartbeat",
          "ardent.ddl.0123456789ABCDEF0123456789abcdef", "other.0123456789abcdef0123456789abcdef",
          "ardent.ddl.0123456789abcdef0123456789abcdef,x"}) {
        CHECK_FALSE(ddl::is_message_prefix(other));
    }
}

TEST_CASE("ddl message: another version stops when it is signed, and only then") {
    Gate gate(origin());
    gate.begin(741);
    CHECK_THROWS_WITH(gate.judge(change_of(message_of(body_of("4294968037", 1), "2"))),
                      Catch::Contains("is of version 2, this environment reads version 1"));
    std::string forged = message_of(body_of("4294968037", 1), "2");
    forged[46] = forged[46] == '0' ? '1' : '0';
    CHECK(refusal(gate.judge(change_of(forged))) == "its code is wrong");
}

TEST_CASE("ddl message: the epoch follows the stream over the border of 2^32") {
    replay::Origin at_border = origin();
    at_border.next_xid = (std::uint64_t{3} << 32U) - 10;
    Gate gate(at_border);
    gate.begin(5);  // of the next epoch
    CHECK(refusal(gate.judge(change_of(message_of(body_of("12884901893", 1)), 5))) == "accepted");
    gate.begin(4294967290U);  // began before, committed after
    CHECK(refusal(gate.judge(change_of(message_of(body_of("12884901882", 1)), 4294967290U))) ==
          "accepted");
    gate.begin(7);
    CHECK(refusal(gate.judge(change_of(message_of(body_of("8589934599", 1)), 7))) ==
          "it belongs to transaction 8589934599 and stands in transaction 12884901895");
}
