// SPDX-License-Identifier: PostgreSQL
// The whole door over real sockets, with servers and openers that a test plays.
#include "tests/support/door.hpp"

#include "tests/support/catch.hpp"

#include "common/base/error.hpp"

using namespace ardent::environment;
using namespace ardent::tests;

namespace {

DoorLimits impatient() {
    DoorLimits limits;
    limits.patience.first_bytes = milliseconds(300);
    limits.patience.opener = milliseconds(300);
    limits.patience.leaving = milliseconds(300);
    return limits;
}

/// SQLSTATE and text of an ErrorResponse; what else came as it is.
std::string told(const Fd& socket) {
    const std::string all = hear_all(socket);
    const auto field = [&](char name) {
        const std::size_t at = all.find(std::string("\0", 1) + name, 5);
        return all.substr(at + 2, all.find('\0', at + 1) - at - 2);
    };
    if (all.size() < 6 || all[0] != 'E' || all.substr(5, 7) != std::string("SFATAL\0", 7) ||
        static_cast<unsigned char>(all[3]) * 256U + static_cast<unsigned char>(all[4]) !=
            all.size() - 1) {
        return all;
    }
    return field('C') + " " + field('M');
}

}  // namespace

TEST_CASE("a client of a sleeping branch is held and served", "[environment][door]") {
    const Server server;
    const Opener opener(server);
    House house;
    const Fd silent = connect_to(house.port);
    CHECK(eventually([&] { return house.activity().silent == 1; }));
    CHECK(house.host.asked() == 0);
    const Fd first = client(house.port);
    CHECK(house.held(1));
    const Fd second = client(house.port, k_ssl_request);
    CHECK(house.held(2));
    CHECK(house.host.asleep == 1);
    CHECK(house.activity().state == DoorState::starting);
    CHECK_FALSE(house.activity().idle);
    CHECK_FALSE(house.door.try_close_for_suspend("b"));
    house.start(opener, server);
    const Fd session = server.accept();
    CHECK(hear(session, k_start.size()) == k_start);
    CHECK(hear(server.accept(), k_ssl_request.size()) == k_ssl_request);
    say(session, "answer");
    CHECK(hear(first, 6) == "answer");
    say(first, "query");
    CHECK(hear(session, 5) == "query");
    CHECK(house.connected(2));
    CHECK_FALSE(house.door.try_close_for_suspend("b"));
    CHECK(house.activity().bytes_from_clients == k_start.size() + k_ssl_request.size() + 5);
    CHECK(house.activity().bytes_to_clients == 6);
    CHECK(house.activity().silent == 1);
}

TEST_CASE("what an opener passes is looked at", "[environment][door]") {
    const Server server;
    const Server elsewhere;
    const auto fault = [&](const Opener::Script& script) {
        const std::size_t before = open_files();
        {
            const Opener opener(script);
            House house;
            house.start(opener, server);
            const Fd plain = client(house.port);
            CHECK(told(plain) == "57P03 branch \"b\" gave no connection to its server");
            CHECK(house.activity().wrong_descriptors == 1);
            CHECK(house.host.asked() == 0);
            CHECK(house.activity().state == DoorState::running);
        }
        CHECK(open_files() == before);
    };
    SECTION("a file") {
        fault([](int c) {
            const Fd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
            pass(c, 'c', {file.get()});
        });
    }
    SECTION("a socket that listens") {
        fault([](int c) {
            const Fd socket = listen_at({"127.0.0.1", 0});
            pass(c, 'c', {socket.get()});
        });
    }
    SECTION("a Unix socket") {
        fault([](int c) {
            std::array<int, 2> pair{};
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data());
            const Fd one(pair[0]);
            const Fd two(pair[1]);
            pass(c, 'c', {one.get()});
        });
    }
    SECTION("a datagram socket to the port") {
        fault([&](int c) {
            const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            connect_socket(socket, server.port());
            pass(c, 'c', {socket.get()});
        });
    }
    SECTION("a socket that is not connected") {
        fault([](int c) {
            const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            pass(c, 'c', {socket.get()});
        });
    }
    SECTION("a socket that is connected elsewhere") {
        fault([&](int c) { pass_connection(c, elsewhere.port()); });
    }
    SECTION("two and twenty descriptors") {
        for (const std::size_t count : {2U, 20U}) {
            fault([&](int c) {
                const Fd socket = connect_to(server.port());
                pass(c, 'c', std::vector<int>(count, socket.get()));
            });
        }
    }
    SECTION("none, though it says so, or another letter") {
        fault([](int c) { pass(c, 'c', {}); });
        fault([](int c) { pass(c, 'x', {}); });
        fault([&](int c) {
            const Fd socket = connect_to(server.port());
            pass(c, 'r', {socket.get()});
        });
    }
}

TEST_CASE("an opener that is lost is the host's to look after", "[environment][door]") {
    const Server server;
    const Opener good(server);
    House house(impatient());
    const auto lost = [&](const std::string& path) {
        house.host.lost = 0;
        house.door.started("b", {path, server.port()});
        const Fd plain = client(house.port);
        CHECK(eventually([&] { return house.host.lost == 1; }));
        CHECK(house.held(1));
        SECTION("it is started again") {
            house.start(good, server);
            const Fd session = server.accept();
            CHECK(hear(session, k_start.size()) == k_start);
            CHECK(house.connected(1));
        }
        SECTION("it does not start") {
            house.door.failed("b", "no room on the disk");
            CHECK(told(plain) == "57P03 no room on the disk");
            CHECK(house.activity().state == DoorState::sleeping);
        }
        SECTION("it is said to run, and is lost again") {
            house.door.started("b", {path, server.port()});
            CHECK(told(plain) == "57P03 branch \"b\" gave no connection to its server");
        }
    };
    SECTION("never answers") {
        std::vector<Fd> kept;
        const Opener opener([&](int c) { kept.emplace_back(::dup(c)); });
        lost(opener.path());
    }
    SECTION("closes in the middle") {
        const Opener opener([](int) {});
        lost(opener.path());
    }
    SECTION("says that the server takes no connection") {
        const Opener opener([](int c) { pass(c, 'r', {}); });
        lost(opener.path());
    }
    SECTION("is not there") {
        lost("/tmp/ardent-door-that-is-not-there");
    }
    SECTION("is a link to another room's opener") {
        const std::string link = good.path() + ".link";
        std::filesystem::create_symlink(good.path(), link);
        lost(link);
    }
    SECTION("is a folder") {
        lost("/tmp");
    }
}

TEST_CASE("when the start fails a text goes to who shows it", "[environment][door]") {
    House house(impatient());
    const Fd plain = client(house.port);
    const Fd ssl = client(house.port, k_ssl_request);
    const Fd gss = client(house.port, k_gss_request);
    const Fd tls = client(house.port, "\x16\x03\x01\x02");
    CHECK(house.held(4));
    house.door.failed("b", "the disk is full\nask your operator");
    CHECK(told(plain) == "57P03 the disk is full\nask your operator");
    CHECK(hear_all(ssl).empty());
    CHECK(hear_all(gss).empty());
    CHECK(hear_all(tls).empty());
    CHECK(house.activity().held == 0);
    const Fd next = client(house.port);
    CHECK(eventually([&] { return house.host.asleep == 2; }));
}

TEST_CASE("who is no client of a database does not wait", "[environment][door]") {
    House house(impatient());
    using namespace std::string_literals;
    CHECK(hear_all(client(house.port, "\0\0\x27\x11\0\3\0\0"s)).empty());  // 10,001 bytes
    CHECK(hear_all(client(house.port, "GET / HTTP/1.1\r\n"s)).substr(0, 3) != "HTT");
    CHECK(hear_all(client(house.port, k_cancel_request)).empty());
    CHECK(hear_all(client(house.port, "\0\0\0"s)).empty());  // when its patience is over
    CHECK(hear_all(connect_to(house.port)).empty());
    CHECK(house.host.asked() == 0);
    client(house.port);  // leaves at once
    CHECK(eventually([&] { return house.host.asked() == 1; }));
    CHECK(house.held(0));
}

TEST_CASE("a start that takes too long is told", "[environment][door]") {
    DoorLimits limits;
    limits.patience.start = milliseconds(400);
    House house(limits);
    CHECK(told(client(house.port)) == "57P03 branch \"b\" did not start within 1 s");
    // the host never answered: it is asked again
    CHECK(told(client(house.port)) == "57P03 branch \"b\" did not start within 1 s");
    CHECK(house.host.asleep == 2);
}

TEST_CASE("the end of one side is passed on alone", "[environment][door]") {
    const Server server;
    const Opener opener(server);
    House house(impatient());
    house.start(opener, server);
    const Fd socket = client(house.port);
    const Fd session = server.accept();
    SECTION("the client's") {
        say(socket, "all");
        ::shutdown(socket.get(), SHUT_WR);
        CHECK(hear_all(session) == k_start + "all");
        say(session, "answer");
        ::shutdown(session.get(), SHUT_WR);
        CHECK(hear_all(socket) == "answer");
    }
    SECTION("the server's") {
        say(session, "bye");
        ::shutdown(session.get(), SHUT_WR);
        CHECK(hear_all(socket) == "bye");
        say(socket, "still here");
        ::shutdown(socket.get(), SHUT_WR);
        CHECK(hear_all(session) == k_start + "still here");
    }
    SECTION("the server's, and a client that does not notice") {
        ::shutdown(session.get(), SHUT_WR);
    }
    CHECK(eventually([&] { return house.activity().idle.has_value(); }));
}

TEST_CASE("sessions are ended, and who comes is held", "[environment][door]") {
    const Server server;
    const Opener opener(server);
    House house;
    house.start(opener, server);
    const Fd before = client(house.port);
    const Fd session = server.accept();
    CHECK(house.connected(1));
    house.door.end_sessions("b");
    hear_all(before);
    CHECK(hear_all(session) == k_start);
    const Fd after = client(house.port);
    CHECK(house.held(1));
    CHECK(house.host.asleep == 1);
    house.start(opener, server);
    CHECK(hear(server.accept(), k_start.size()) == k_start);
    house.door.close("b");
    hear_all(after);
    CHECK_FALSE(house.door.activity("b"));
    CHECK_FALSE(house.door.try_close_for_suspend("b"));
    CHECK_THROWS(connect_to(house.port));
    CHECK(house.door.open("b", {"127.0.0.1", house.port}) == house.port);
    CHECK_THROWS_WITH(house.door.open("b", {"127.0.0.1", 0}), Catch::Contains("has a port"));
}
