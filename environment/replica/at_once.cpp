// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/at_once.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* k_deadlock = "40P01";

/// What the threads share.
struct Work {
    std::size_t count;
    const Connect& connect;
    const std::function<bool()>& go_on;
    const std::function<void(pq::Connection&, std::size_t)>& one;
    std::atomic<std::size_t> next{0};
    std::mutex mutex{};
    std::vector<FailedPlace> failed{};
    std::exception_ptr fatal{};

    void go() {
        const std::shared_ptr<pq::Connection> connection = connect();
        for (std::size_t place = next++; place < count; place = next++) {
            if (!go_on()) {
                throw Error(ErrorKind::transient, "the copy was given up");
            }
            try {
                one(*connection, place);
            } catch (const Error& error) {
                const bool lost = error.kind() == ErrorKind::transient &&
                                  error.sqlstate() != k_deadlock;  // of two of our own
                if (lost || !go_on()) {
                    throw;
                }
                const std::lock_guard lock(mutex);
                failed.push_back({place, error});
            }
        }
    }

    void run() noexcept {
        try {
            go();
        } catch (...) {
            next = count;
            const std::lock_guard lock(mutex);
            fatal = std::current_exception();
        }
    }
};

}  // namespace

std::vector<FailedPlace> at_once(std::size_t count, unsigned jobs, const Connect& connect,
                                 const std::function<bool()>& go_on,
                                 const std::function<void(pq::Connection&, std::size_t)>& one) {
    Work work{count, connect, go_on, one};
    std::vector<std::thread> threads;
    const std::size_t wanted = std::min<std::size_t>(jobs, count);
    while (threads.size() < wanted) {
        threads.emplace_back([&work] { work.run(); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    if (work.fatal) {
        std::rethrow_exception(work.fatal);
    }
    return std::move(work.failed);
}

}  // namespace ardent::environment
