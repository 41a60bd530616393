// SPDX-License-Identifier: PostgreSQL
#include "common/base/backoff.hpp"
#include "common/base/bounded_queue.hpp"

#include "tests/support/catch.hpp"

#include <future>
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
    BoundedQueue<int> queue(1);
    REQUIRE(queue.push(1, 1));
    auto waiting = std::async(std::launch::async, [&] { return queue.push(2, 1); });
    CHECK(queue.pop() == 1);
    CHECK(waiting.get());
    auto refused = std::async(std::launch::async, [&] { return queue.push(3, 1); });
    queue.close();
    CHECK_FALSE(refused.get());
    CHECK(queue.pop() == 2);
    CHECK_FALSE(queue.pop().has_value());
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
