// SPDX-License-Identifier: PostgreSQL
#include "environment/door/crowd.hpp"
#include "environment/door/listen.hpp"
#include "environment/door/start_packet.hpp"

#include "tests/support/catch.hpp"

#include "common/base/error.hpp"

using namespace ardent::environment;

TEST_CASE("a client's first bytes say what it can be told", "[environment][door]") {
    using namespace std::string_literals;
    const auto is = [](const std::string& bytes, StartKind kind) {
        INFO(bytes.size() << " bytes");
        CHECK(start_kind(bytes) == kind);
    };
    is(""s, StartKind::incomplete);
    is("\0\0\0\x12"s, StartKind::incomplete);
    is("\0\0\0\x12\0\3\0"s, StartKind::incomplete);
    is("\0\0\0\x12\0\3\0\0"s, StartKind::plain);
    is("\0\0\0\x12\0\3\0\2"s, StartKind::plain);
    is("\0\0\0\x8\x4\xd2\x16\x2f"s, StartKind::unreadable);
    is("\0\0\0\x8\x4\xd2\x16\x30"s, StartKind::unreadable);
    is("\x16"s, StartKind::unreadable);
    is("\0\0\0\x12\0\2\0\0"s, StartKind::unreadable);
    is("\0\0\0\x10\x4\xd2\x16\x2e"s, StartKind::cancel);
    is("\0\0\x27\x11"s, StartKind::malformed);
    is("\0\0\0\x7"s, StartKind::malformed);
    is("GET / HTTP/1.1"s, StartKind::malformed);
}

TEST_CASE("an error is one that every client reads", "[environment][door]") {
    using namespace std::string_literals;
    CHECK(error_response("57P03", "not now") == "E\0\0\0\x23SFATAL\0VFATAL\0C57P03\0Mnot now\0\0"s);
    const std::string long_one = error_response("57P03", std::string(999, 'x') + "äöü\033[2J");
    CHECK(long_one.substr(long_one.size() - 4) == "xxx\0\0"s.substr(1));
    CHECK(error_response("57P03", "a\0b\033"s).find("a\\u0000b\\u001b") != std::string::npos);
}

TEST_CASE("the oldest silent client of the most crowded branch goes", "[environment][door]") {
    Crowd crowd({.silent_of_branch = 3, .silent_of_address = 5, .silent = 6});
    CHECK(crowd.arrive(1, "a", "one").empty());
    CHECK(crowd.arrive(2, "a", "two").empty());
    CHECK(crowd.arrive(3, "a", "three").empty());
    CHECK(crowd.arrive(4, "a", "four") == std::vector<Crowd::Id>{1});
    crowd.leave(1);
    CHECK(crowd.of_branch("a").silent == 3);
    for (const Crowd::Id id : {5U, 6U, 7U}) {
        CHECK(crowd.arrive(id, "b" + std::to_string(id), "herd").empty());
    }
    CHECK(crowd.arrive(8, "c", "five") == std::vector<Crowd::Id>{2, 5});
}

TEST_CASE("held clients are limited for each branch, each address and in all",
          "[environment][door]") {
    Crowd crowd({.held_of_branch = 3, .held_of_address = 2, .held = 4, .of_branch = 5, .all = 20});
    Crowd::Id last = 0;
    const auto hold = [&](const std::string& branch, const std::string& address) {
        CHECK(crowd.arrive(++last, branch, address).empty());
        return crowd.hold(last);
    };
    CHECK(hold("a", "one").empty());
    CHECK(hold("a", "one").empty());
    CHECK(hold("a", "one") == "too many clients of one address wait for a branch");
    CHECK(hold("a", "two").empty());
    CHECK(hold("a", "two") == "too many clients wait for a branch");
    CHECK(hold("b", "three").empty());
    CHECK(hold("c", "four") == "too many clients wait for a branch");
    CHECK(crowd.of_branch("a").held == 3);
    crowd.connect(1);
    crowd.connect(2);
    CHECK(crowd.of_branch("a").connected == 2);
    CHECK(hold("a", "one").empty());
    CHECK(hold("a", "five").empty());
    CHECK(hold("a", "six") == "too many clients of this branch are connected");
    for (Crowd::Id id = 1; id <= last; ++id) {
        crowd.leave(id);
    }
    CHECK(crowd.all() == 0);
    CHECK(crowd.of_branch("a").held == 0);
}

TEST_CASE("with too many clients of all kinds the new one goes", "[environment][door]") {
    Crowd crowd({.all = 1});
    CHECK(crowd.arrive(1, "a", "one").empty());
    CHECK(crowd.hold(1).empty());
    CHECK(crowd.arrive(2, "b", "two") == std::vector<Crowd::Id>{2});
}

TEST_CASE("a port that is taken is named, and what to do", "[environment][door]") {
    const ardent::base::Fd first = listen_at({"127.0.0.1", 0});
    const std::uint16_t port = bound_port(first.get());
    const std::string text = std::to_string(port);
    try {
        listen_at({"127.0.0.1", port});
        FAIL("it listens twice");
    } catch (const ardent::base::Error& error) {
        CHECK(error.kind() == ardent::base::ErrorKind::config);
        CHECK(error.what() ==
              "port " + text + " of 127.0.0.1 is taken: another program listens there");
        CHECK(error.hint().find("ss -ltnp 'sport = :" + text + "'") != std::string::npos);
    }
    CHECK_THROWS_WITH(listen_at({"192.0.2.1", 0}), Catch::Contains("no such address"));
}
