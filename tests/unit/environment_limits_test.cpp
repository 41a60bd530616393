// SPDX-License-Identifier: PostgreSQL
#include "environment/server/guests.hpp"
#include "environment/server/http.hpp"
#include "environment/server/lane.hpp"
#include "environment/server/memory.hpp"

#include "tests/support/catch.hpp"

#include <atomic>
#include <future>
#include <set>

using namespace ardent::environment;
using std::chrono::hours;

namespace {

const Owner k_agent{"agent of a", 3, 2};

/// Connections that come and go by the word of Guests.
struct House {
    Guests guests{{.strangers = 10, .strangers_of_address = 4}};
    Guests::Clock::time_point now{};
    std::set<Guests::Id> inside;
    Guests::Id last = 0;

    Guests::Id come(const std::string& address) {
        inside.insert(++last);
        if (const auto goes = guests.arrive(last, address, now)) {
            inside.erase(*goes);
            guests.leave(*goes);
        }
        return last;
    }
};

}  // namespace

TEST_CASE("a stranger is never turned away: the oldest of its address goes", "[environment]") {
    House house;
    const Guests::Id other = house.come("other");
    for (int i = 0; i < 1000; ++i) {
        const Guests::Id id = house.come("herd");
        CHECK(house.inside.contains(id));
        CHECK(house.inside.size() <= 5);
    }
    CHECK(house.inside == std::set<Guests::Id>{other, 998, 999, 1000, 1001});
}

TEST_CASE("in all the oldest of the address with the most goes", "[environment]") {
    House house;
    const Guests::Id lonely = house.come("lonely");
    for (const char* const address : {"a", "a", "a", "b", "b", "b", "c", "c", "c"}) {
        house.come(address);
    }
    CHECK(house.inside.size() == 10);
    const Guests::Id next = house.come("d");
    CHECK(house.inside.size() == 10);
    CHECK_FALSE(house.inside.contains(2));  // the first of a
    CHECK(house.inside.contains(lonely));
    CHECK(house.inside.contains(next));
}

TEST_CASE("where a key was shown strangers go last", "[environment]") {
    House house;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(house.guests.recognise(house.come("site"), k_agent, house.now));
    }
    CHECK(house.guests.strangers() == 0);
    const std::set<Guests::Id> starting{house.come("site"), house.come("site"), house.come("site")};
    for (int i = 0; i < 100; ++i) {
        house.come("bot " + std::to_string(i));
    }
    for (const Guests::Id id : starting) {
        CHECK(house.inside.contains(id));
    }
    house.now += hours(2);  // and then it is an address like any other
    for (int i = 0; i < 100; ++i) {
        house.come("bot " + std::to_string(i));
    }
    CHECK_FALSE(house.inside.contains(*starting.begin()));
}

TEST_CASE("an owner has so many connections and calls", "[environment]") {
    House house;
    std::vector<Guests::Id> own;
    for (int i = 0; i < 3; ++i) {
        own.push_back(house.come("site"));
        CHECK(house.guests.recognise(own.back(), k_agent, house.now));
        CHECK(house.guests.recognise(own.back(), k_agent, house.now));
    }
    const Guests::Id more = house.come("site");
    CHECK_FALSE(house.guests.recognise(more, k_agent, house.now));
    CHECK(house.guests.strangers() == 1);
    house.guests.leave(own.front());
    CHECK(house.guests.recognise(more, k_agent, house.now));
    CHECK(house.guests.strangers() == 0);
    CHECK_FALSE(house.guests.recognise(4711, k_agent, house.now));
    {
        const auto first = house.guests.begin_call(k_agent);
        auto second = house.guests.begin_call(k_agent);
        CHECK(first);
        CHECK(second);
        CHECK_FALSE(house.guests.begin_call(k_agent));
        CHECK(house.guests.begin_call({"agent of b", 1, 1}));
        second.reset();
        CHECK(house.guests.begin_call(k_agent));
    }
    CHECK(house.guests.begin_call(k_agent));
}

TEST_CASE("calls take memory from one budget, each owner at most three quarters", "[environment]") {
    MemoryBudget budget(1000);
    {
        MemoryBudget::Share one(budget, "one");
        CHECK(one.grow(700));
        CHECK_FALSE(one.grow(51));
        CHECK(one.grow(50));
        MemoryBudget::Share again(budget, "one");
        CHECK_FALSE(again.grow(1));
        MemoryBudget::Share two(budget, "two");
        CHECK(two.grow(250));
        CHECK_FALSE(two.grow(1));
        CHECK(budget.used() == 1000);
        MemoryBudget::Share moved(std::move(one));
        CHECK(budget.used() == 1000);
        two = std::move(moved);
        CHECK(budget.used() == 750);
        CHECK_FALSE(two.grow(UINT64_MAX));
        HttpRequest request;
        take_memory(request, UINT64_MAX);  // nobody counts
        request.memory = &again;
        CHECK_THROWS_AS(take_memory(request, 1), HttpError);
    }
    CHECK(budget.used() == 0);
}

TEST_CASE("a lane runs so many jobs at once, and refuses when too many wait", "[environment]") {
    std::promise<void> open;
    const std::shared_future<void> door = open.get_future().share();
    std::atomic<int> running{0};
    std::atomic<int> done{0};
    Lane lane(3, 2);
    int taken = 0;
    const auto job = [&, door] {
        ++running;
        door.wait();
        ++done;
    };
    for (int i = 0; i < 3; ++i) {
        CHECK(lane.submit(job));
        while (running < i + 1) {
            std::this_thread::yield();
        }
    }
    while (lane.submit(job)) {
        ++taken;
    }
    CHECK(taken == 2);
    CHECK(running == 3);
    open.set_value();
    lane.stop();
    CHECK(done == 5);
    CHECK_FALSE(lane.submit(job));
}
