// SPDX-License-Identifier: PostgreSQL
// What would take the door from others or from its own process, and the moment of a suspend.
#include "tests/support/door.hpp"

#include "tests/support/catch.hpp"

#include <fstream>
#include <random>
#include <sys/resource.h>

using namespace ardent::environment;
using namespace ardent::tests;

namespace {

std::size_t resident_kb() {
    std::ifstream file("/proc/self/statm");
    std::size_t size = 0;
    std::size_t resident = 0;
    file >> size >> resident;
    return resident * static_cast<std::size_t>(::getpagesize()) / 1024;
}

}  // namespace

TEST_CASE("who reads slowly holds the sender back, not memory", "[environment][door]") {
    const Server server;
    const Opener opener(server);
    House house;
    house.start(opener, server);
    const Fd socket = client(house.port);
    Fd session = server.accept();
    CHECK(hear(session, k_start.size()) == k_start);
    const std::string piece(65536, 'x');
    const std::size_t before = resident_kb();
    std::size_t sent = 0;
    while (ready(session.get(), POLLOUT, milliseconds(1000))) {
        const ssize_t size = ::send(session.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        sent += static_cast<std::size_t>(std::max<ssize_t>(0, size));
        REQUIRE(sent < (256U << 20U));
    }
    CHECK(resident_kb() < before + 4096);
    session.close();
    CHECK(hear_all(socket).size() == sent);
}

TEST_CASE("a descriptor that its passer changes does not stop the door", "[environment][door]") {
    const Server server;
    Fd kept;
    const Opener opener([&](int c) {
        kept = connect_to(server.port());
        pass(c, 'c', {kept.get()});
    });
    House house;
    house.start(opener, server);
    const Fd socket = client(house.port);
    const Fd session = server.accept();
    CHECK(house.connected(1));
    ::fcntl(kept.get(), F_SETFL, 0);  // waits again
    const linger hour{1, 3600};
    ::setsockopt(kept.get(), SOL_SOCKET, SO_LINGER, &hour, sizeof hour);
    const std::string piece(65536, 'x');
    while (ready(socket.get(), POLLOUT, milliseconds(500))) {
        ::send(socket.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    CHECK(house.activity().connected == 1);
    kept.close();  // ours is the last one
    house.door.end_sessions("b");
    CHECK(house.activity().connected == 0);
}

TEST_CASE("whoever floods one branch leaves the others served", "[environment][door]") {
    const Server server(true);
    const Opener opener(server);
    House house;
    house.start(opener, server);
    house.door.started("other", {opener.path(), server.port()});
    std::vector<Fd> flood;
    for (int i = 0; i < 1000; ++i) {
        flood.push_back(connect_to(house.port));
    }
    CHECK(eventually([&] { return house.activity().silent == 256; }, milliseconds(3000)));
    CAPTURE(house.activity().silent, house.activity().held, house.activity().connected);
    for (const std::uint16_t port : {house.other_port, house.port}) {
        const Fd socket = client(port);
        CHECK(hear(socket, k_start.size()) == k_start);
    }
    CHECK(house.activity().silent <= 256);
}

TEST_CASE("without descriptors clients wait in the queue", "[environment][door]") {
    const Server server(true);
    const Opener opener(server);
    House house;
    house.start(opener, server);
    const Fd waits(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::vector<Fd> rest;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const rlimit few{open_files() + 20, files.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    while (rest.empty() || rest.back().valid()) {
        rest.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    connect_socket(waits, house.port);
    say(waits, k_start);
    std::this_thread::sleep_for(milliseconds(300));
    const bool nobody = house.activity().silent + house.activity().connected == 0;
    rest.clear();
    ::setrlimit(RLIMIT_NOFILE, &files);
    CHECK(nobody);
    CHECK(hear(waits, k_start.size()) == k_start);
}

// The server "stops" when the door says it may; whoever is let in to it after that has been given
// to a dead one.
TEST_CASE("who comes in the moment of a suspend is served", "[environment][door]") {
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const Server server(true);
    std::atomic<bool> awake{true};
    std::atomic<int> let_in_asleep{0};
    const Opener opener([&](int c) {
        let_in_asleep += awake ? 0 : 1;
        pass_connection(c, server.port());
    });
    House house;
    std::atomic<bool> wanted{false};
    house.host.on_request = [&](const std::string&, StartReason) { wanted = true; };
    int suspended = 0;
    int found_it_asleep = 0;
    for (int round = 0; round < 500; ++round) {
        awake = true;
        wanted = false;
        house.start(opener, server);
        const auto delay = std::chrono::microseconds(random() % 400);
        bool served = false;
        std::atomic<bool> gone{false};
        std::thread comes([&] {
            std::this_thread::sleep_for(delay);
            const Fd socket = client(house.port);
            served = hear(socket, k_start.size()) == k_start;
            gone = true;
        });
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
        if (house.door.try_close_for_suspend("b")) {
            ++suspended;
            REQUIRE(eventually([&] { return server.sessions() == 0; }));
            awake = false;
            // the server stops; it is started when somebody wants it
            if (eventually([&] { return wanted || gone; }) && wanted) {
                ++found_it_asleep;
                awake = true;
                house.start(opener, server);
            }
        }
        comes.join();
        REQUIRE(served);
        REQUIRE(house.connected(0));
        REQUIRE(eventually([&] { return server.sessions() == 0; }));
    }
    CHECK(let_in_asleep == 0);
    CHECK(found_it_asleep > 0);
    INFO(suspended << " suspends, " << found_it_asleep << " clients came into one");
}
