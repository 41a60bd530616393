// SPDX-License-Identifier: PostgreSQL
#include "agent/stop_flag.hpp"
#include "common/process/signals.hpp"

#include "tests/support/catch.hpp"

#include <chrono>
#include <csignal>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

bool set_within(const std::atomic<bool>* flag, std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (!*flag && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    return *flag;
}

}  // namespace

TEST_CASE("the stop flag follows SIGTERM, not SIGHUP, and leaves both to be read", "[agent]") {
    sigset_t before{};
    REQUIRE(pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
    {
        ardent::process::TerminationSignals signals;
        const ardent::agent::StopFlag flag(signals.fd());
        REQUIRE(::kill(::getpid(), SIGHUP) == 0);
        CHECK_FALSE(set_within(flag.get(), 150ms));
        CHECK_FALSE(signals.requested());
        REQUIRE(::kill(::getpid(), SIGTERM) == 0);
        CHECK(set_within(flag.get(), 5s));
        CHECK(signals.requested());
    }
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}

TEST_CASE("a stop flag that nothing set ends at once", "[agent]") {
    ardent::process::TerminationSignals signals;
    const auto since = std::chrono::steady_clock::now();
    { const ardent::agent::StopFlag flag(signals.fd()); }
    CHECK(std::chrono::steady_clock::now() - since < 5s);
}
