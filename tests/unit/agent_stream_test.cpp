// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/assembler.hpp"
#include "agent/stream/feedback.hpp"
#include "agent/stream/loop.hpp"
#include "agent/stream/message.hpp"
#include "common/base/error.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::agent;
using ardent::base::Error;
using ardent::base::ErrorKind;
using ardent::model::Lsn;
using namespace std::chrono_literals;

namespace {

const std::string k_begin =
    R"({"action":"B","xid":730,"timestamp":"2026-11-21 09:00:26.33+00","lsn":"0/267D8E8","nextlsn":"0/267D918"})";
const std::string k_insert =
    R"({"action":"I","xid":730,"lsn":"0/267D858","schema":"public","table":"t","columns":[]})";
const std::string k_commit =
    R"({"action":"C","xid":730,"timestamp":"2026-11-21 09:00:26.33+00","lsn":"0/267D8E8","nextlsn":"0/267D918"})";

std::string data_message(std::uint64_t lsn, const std::string& text) {
    std::string bytes = "w";
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes += static_cast<char>((lsn >> static_cast<unsigned>(shift)) & 0xFFU);
    }
    return bytes + std::string(16, '\x7f') + text;
}

std::string keepalive_message(std::uint64_t lsn, bool reply) {
    std::string bytes = data_message(lsn, "").substr(0, 9);
    bytes[0] = 'k';
    return bytes + std::string(8, '\x7f') + (reply ? '\1' : '\0');
}

Keepalive ask(std::uint64_t lsn) {
    return {Lsn{lsn}, true};
}

}  // namespace

TEST_CASE("messages of the replication protocol", "[agent]") {
    const std::string data = data_message(0x1122334455667788, k_begin);
    const auto parsed = std::get<PluginMessage>(parse_server_message(data));
    CHECK(parsed.lsn == Lsn{0x1122334455667788});
    CHECK(parsed.text == k_begin);
    const auto alive = std::get<Keepalive>(parse_server_message(keepalive_message(77, true)));
    CHECK(alive.wal_end == Lsn{77});
    CHECK(alive.reply_requested);
    CHECK_FALSE(
        std::get<Keepalive>(parse_server_message(keepalive_message(77, false))).reply_requested);
    CHECK_THROWS_AS(parse_server_message(data.substr(0, 24)), Error);
    CHECK_THROWS_AS(parse_server_message("k"), Error);
    CHECK_THROWS_AS(parse_server_message(""), Error);
    CHECK_THROWS_AS(parse_server_message("x" + data.substr(1)), Error);
}

TEST_CASE("a status update says the same position three times", "[agent]") {
    const std::string bytes = status_update(Lsn{0x0102030405060708}, 1, true);
    REQUIRE(bytes.size() == 34);
    const std::string position = "\x01\x02\x03\x04\x05\x06\x07\x08";
    CHECK(bytes.substr(0, 25) == "r" + position + position + position);
    CHECK(bytes[32] == '\1');
    CHECK(bytes[33] == '\1');
    CHECK(status_update(Lsn{1}, 1, false).back() == '\0');
    CHECK(replication_clock() > 845'000'000'000'000);  // it is later than 2026-10
}

TEST_CASE("invariant 1: the commit end is nextlsn of the commit message", "[agent]") {
    CHECK(action_of(k_commit) == 'C');
    CHECK(commit_end_of(k_commit) == Lsn{0x267D918});
    CHECK_THROWS_AS(commit_end_of(k_insert), Error);
    CHECK_THROWS_AS(commit_end_of(R"({"action":"C","nextlsn":"nonsense"})"), Error);
    CHECK_THROWS_AS(action_of(R"({"change":[]})"), Error);
    CHECK_THROWS_AS(action_of(R"({"action":")"), Error);
    CHECK_THROWS_AS(action_of(""), Error);
    try {
        action_of("{\"change\":[]}");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::source);
    }
}

TEST_CASE("invariant 8: the plugin's warnings about rows it leaves out", "[agent]") {
    CHECK(table_left_out(R"(no tuple identifier for UPDATE in table "public"."t")") ==
          R"("public"."t")");
    CHECK(table_left_out(R"(no tuple identifier for DELETE in table "a b"."c""d")") ==
          R"("a b"."c""d")");
    CHECK(table_left_out(R"(no old tuple data for UPDATE in table "public"."t")") ==
          R"("public"."t")");
    CHECK_FALSE(table_left_out("terminating walsender process after promotion"));
    CHECK_FALSE(table_left_out(""));
}

TEST_CASE("segments are cut at messages, and know their transactions", "[agent]") {
    Assembler assembler(400);
    CHECK(assembler.empty());
    assembler.add(Lsn{10}, k_begin);
    CHECK(assembler.open_transaction() == Lsn{10});
    assembler.add(Lsn{11}, k_insert);
    CHECK_FALSE(assembler.takes(400));
    auto first = assembler.take();
    CHECK(first.header().messages == 2);
    CHECK(first.header().first_lsn == Lsn{10});
    CHECK(first.header().open_transaction);
    CHECK_FALSE(first.header().last_commit_end.valid());
    CHECK(assembler.empty());
    CHECK(assembler.open_transaction() == Lsn{10});

    assembler.add(Lsn{12}, k_insert);
    assembler.add(Lsn{13}, k_commit);
    CHECK(assembler.has_commit());
    CHECK_FALSE(assembler.open_transaction());
    CHECK(assembler.last_commit_end() == Lsn{0x267D918});
    assembler.add(Lsn{14}, k_begin);
    auto second = assembler.take();
    CHECK(second.header().last_commit_end == Lsn{0x267D918});
    CHECK(second.header().open_transaction);
    CHECK_FALSE(assembler.has_commit());
    CHECK(assembler.last_commit_end() == Lsn{0x267D918});
}

TEST_CASE("a message that is larger than a segment travels alone", "[agent]") {
    Assembler assembler(1000);
    CHECK(assembler.takes(1U << 30U));
    assembler.add(Lsn{10}, k_begin);
    CHECK_FALSE(assembler.takes(5000));
    assembler.take();
    assembler.add(Lsn{11}, k_insert + std::string(5000, ' '));
    CHECK(assembler.full());
    CHECK_FALSE(assembler.takes(1));
}

TEST_CASE("a commit outside of a transaction is a broken promise", "[agent]") {
    Assembler assembler(1000);
    CHECK_THROWS_AS(assembler.add(Lsn{10}, k_commit), Error);
}

TEST_CASE("invariant 1: only what is durable is ever told, and it never goes back", "[agent]") {
    const auto now = Feedback::Clock::now();
    Feedback feedback(Lsn{100}, 60s);
    CHECK(feedback.due(now));
    CHECK(feedback.flush() == Lsn{100});
    feedback.sent(now);
    feedback.keepalive({Lsn{900}, true}, now);
    CHECK(feedback.flush() == Lsn{100});
    feedback.idle_sent(Lsn{900}, now);
    CHECK(feedback.flush() == Lsn{100});
    feedback.durable(Lsn{150});
    feedback.durable(Lsn{120});
    CHECK(feedback.flush() == Lsn{150});
}

TEST_CASE("invariant 3: status messages every 10 s, soon when asked or when there is news",
          "[agent]") {
    const auto now = Feedback::Clock::now();
    Feedback feedback(Lsn{100}, 60s);
    feedback.sent(now);
    CHECK_FALSE(feedback.due(now + 9999ms));
    CHECK(feedback.due(now + 10s));
    feedback.keepalive({Lsn{100}, true}, now + 1s);
    CHECK(feedback.due(now + 1s));
    feedback.sent(now + 1s);
    feedback.durable(Lsn{101});
    CHECK_FALSE(feedback.due(now + 1050ms));
    CHECK(feedback.due(now + 1100ms));
    feedback.sent(now + 1100ms);
    CHECK_FALSE(feedback.due(now + 2s));
}

TEST_CASE("invariant 3: a short wal_sender_timeout is respected, none is taken for the usual",
          "[agent]") {
    const auto now = Feedback::Clock::now();
    Feedback quick(Lsn{100}, 3s);
    quick.sent(now);
    CHECK(quick.next() == now + 1s);
    Feedback usual(Lsn{100}, std::nullopt);
    usual.sent(now);
    CHECK(usual.next() == now + 10s);
}

TEST_CASE("invariant 2: an idle position is due after 10 s, or at once when the source asks",
          "[agent]") {
    const auto now = Feedback::Clock::now();
    Feedback feedback(Lsn{100}, 60s);
    CHECK_FALSE(feedback.idle_position(Lsn{}, now));
    feedback.keepalive({Lsn{200}, false}, now);
    CHECK(feedback.idle_position(Lsn{}, now) == Lsn{200});
    CHECK_FALSE(feedback.idle_position(Lsn{200}, now));  // the last commit is as far
    feedback.idle_sent(Lsn{200}, now);
    CHECK_FALSE(feedback.idle_position(Lsn{}, now + 1h));
    feedback.keepalive({Lsn{300}, false}, now + 1s);
    CHECK_FALSE(feedback.idle_position(Lsn{}, now + 5s));
    CHECK(feedback.idle_position(Lsn{}, now + 10s) == Lsn{300});
    feedback.keepalive(ask(310), now + 6s);
    CHECK(feedback.idle_position(Lsn{}, now + 6s) == Lsn{310});
    feedback.durable(Lsn{310});
    CHECK_FALSE(feedback.idle_position(Lsn{}, now + 1h));
}

TEST_CASE("invariant 2: an idle position that something waits for goes at once, and once",
          "[agent]") {
    Feedback feedback(Lsn{100}, std::nullopt);
    const Feedback::Time now = Feedback::Clock::now();
    feedback.keepalive({Lsn{200}, false}, now);
    feedback.idle_sent(Lsn{200}, now);
    feedback.keepalive({Lsn{300}, false}, now);
    feedback.want(Lsn{400});
    CHECK_FALSE(feedback.idle_position(Lsn{}, now));  // the source has not come to it
    feedback.keepalive({Lsn{400}, false}, now);
    CHECK(feedback.idle_position(Lsn{}, now) == Lsn{400});
    CHECK_FALSE(feedback.idle_position(Lsn{400}, now));  // a commit carries it there
    feedback.idle_sent(Lsn{400}, now);
    CHECK_FALSE(feedback.idle_position(Lsn{}, now));
    feedback.keepalive({Lsn{500}, false}, now);
    CHECK_FALSE(feedback.idle_position(Lsn{}, now + 5s));
}

TEST_CASE("invariant 15: a source that asks again and again is shutting down", "[agent]") {
    auto now = Feedback::Clock::now();
    Feedback feedback(Lsn{100}, 60s);
    feedback.sent(now);
    for (int i = 0; i < 55; ++i) {
        CHECK_FALSE(feedback.holds_up_shutdown(now));
        now += 90ms;
        feedback.keepalive(ask(200), now);
        if (feedback.due(now + 10ms)) {
            feedback.sent(now + 10ms);
        }
    }
    now += 200ms;
    feedback.keepalive(ask(200), now);
    CHECK(feedback.holds_up_shutdown(now));
    CHECK_FALSE(feedback.holds_up_shutdown(now + 2s));  // it stopped asking
}

TEST_CASE("invariant 15: a source that asks now and then is not", "[agent]") {
    auto now = Feedback::Clock::now();
    Feedback feedback(Lsn{100}, 2s);  // asks a second after our last word
    feedback.sent(now);
    for (int i = 0; i < 30; ++i) {
        now += 1s;
        feedback.keepalive(ask(200), now);
        feedback.sent(now);
        CHECK_FALSE(feedback.holds_up_shutdown(now));
    }
}

TEST_CASE("dense flow is told from single messages", "[agent]") {
    auto now = Flow::Time{} + 1h;
    Flow flow;
    flow.count(1, now);
    CHECK_FALSE(flow.dense());
    for (int i = 0; i < 30; ++i) {
        flow.count(10, now += 100us);
    }
    CHECK(flow.dense());
    flow.count(1, now += 5ms);
    CHECK_FALSE(flow.dense());
}
