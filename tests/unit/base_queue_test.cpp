// SPDX-License-Identifier: PostgreSQL
#include "common/base/backoff.hpp"
#include "common/base/bounded_queue.hpp"

#include "tests/support/catch.hpp"

#include <future>
#include <string>
#include <thread>

using namespace ardent::base;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST_CASE("the queue is bounded by bytes", "[base]") {
    BoundedQueue<int> queue(10);
    int first = 1;
    int second = 2;
    int third = 3;
    CHECK(queue.try_push(first, 6));
    CHECK_FALSE(queue.try_push(second, 5));
    CHECK(queue.try_push(third, 4));
    CHECK(queue.bytes() == 10);
    CHECK(queue.try_pop() == 1);
    CHECK(queue.bytes() == 4);
}

TEST_CASE("one item above the bound passes when the queue is empty", "[base]") {
    BoundedQueue<int> queue(10);
    int large = 1;
    int small = 2;
    CHECK(queue.try_push(large, 1000));
    CHECK_FALSE(queue.try_push(small, 1));
    CHECK(queue.pop() == 1);
    CHECK(queue.try_push(small, 1));
}

TEST_CASE("a waiting push goes on when room appears, and ends when the queue closes", "[base]") {
    BoundedQueue<std::string> queue(1);
    std::string first = "first";
    std::string second = "second";
    std::string third = "third";
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    REQUIRE(queue.push_until(first, 1, deadline));
    auto waiting =
        std::async(std::launch::async, [&] { return queue.push_until(second, 1, deadline); });
    CHECK(waiting.wait_for(milliseconds(20)) == std::future_status::timeout);
    CHECK(queue.pop() == "first");
    CHECK(waiting.get());
    auto refused =
        std::async(std::launch::async, [&] { return queue.push_until(third, 1, deadline); });
    CHECK(refused.wait_for(milliseconds(20)) == std::future_status::timeout);
    queue.close();
    CHECK_FALSE(refused.get());
    CHECK(steady_clock::now() < deadline);
    CHECK(third == "third");
    CHECK(queue.pop() == "second");
    CHECK_FALSE(queue.pop().has_value());
    CHECK_FALSE(queue.push_until(third, 1, deadline));
}

TEST_CASE("a waiting push goes on when the queue is cleared", "[base]") {
    BoundedQueue<int> queue(1);
    int first = 1;
    int second = 2;
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    REQUIRE(queue.push_until(first, 1, deadline));
    auto waiting =
        std::async(std::launch::async, [&] { return queue.push_until(second, 1, deadline); });
    queue.clear();
    CHECK(waiting.get());
    CHECK(queue.pop() == 2);
}

TEST_CASE("push_until gives up at its deadline and leaves the item alone", "[base]") {
    BoundedQueue<std::string> queue(1);
    std::string first = "first";
    std::string second = "second";
    const auto before = steady_clock::now();
    REQUIRE(queue.push_until(first, 1, before));  // there is room: no need to wait
    CHECK_FALSE(queue.push_until(second, 1, before + milliseconds(20)));
    CHECK(steady_clock::now() - before >= milliseconds(20));
    CHECK(second == "second");
    CHECK(queue.bytes() == 1);
}

TEST_CASE("pop_until gives up at its deadline", "[base]") {
    BoundedQueue<int> queue(1);
    const auto before = steady_clock::now();
    CHECK_FALSE(queue.pop_until(before + milliseconds(20)).has_value());
    CHECK(steady_clock::now() - before >= milliseconds(20));
}

TEST_CASE("backoff doubles to its limit and stays in the upper half", "[base]") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    Backoff backoff(milliseconds(100), milliseconds(1000), seed);
    for (const int most : {100, 200, 400, 800, 1000, 1000}) {
        const auto wait = backoff.next().count();
        CHECK(wait >= most / 2);
        CHECK(wait <= most);
    }
    backoff.reset();
    CHECK(backoff.next() <= milliseconds(100));
}
