// SPDX-License-Identifier: PostgreSQL
#include "environment/door/loop.hpp"

#include "common/process/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <utility>

namespace ardent::environment {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

struct Loop::Inside {
    asio::io_context context{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{
        context.get_executor()};
    std::thread thread;
    std::atomic<bool> runs{false};
};

Loop::Loop() : m_inside(std::make_unique<Inside>()) {}

Loop::~Loop() {
    stop();
}

void Loop::start() {
    m_inside->runs = true;
    m_inside->thread = std::thread([this] { run(); });
}

void Loop::run() {
    for (;;) {
        try {
            m_inside->context.run();
            return;
        } catch (const std::exception& error) {
            process::log_error("the door met an error", {{"error", error.what()}});
        }
    }
}

void Loop::stop() {
    if (m_inside->thread.joinable()) {
        asio::post(m_inside->context, [this] { m_inside->context.stop(); });
        m_inside->thread.join();
        m_inside->runs = false;
    }
}

void Loop::post(Act act) {
    asio::post(m_inside->context, std::move(act));
}

void Loop::call(const Act& act) {
    if (!m_inside->runs || m_inside->context.get_executor().running_in_this_thread()) {
        act();
        return;
    }
    std::packaged_task<void()> task([&act] { act(); });
    std::future<void> done = task.get_future();
    asio::post(m_inside->context, [&task] { task(); });
    done.get();
}

struct Watch::Inside {
    Inside(asio::io_context& context, base::Fd fd) : descriptor(context) {
        // Asio takes what is assigned for a possible duplicate and strikes it from epoll when it is
        // closed. That must be: epoll keeps an entry while anybody holds the open file, and whoever
        // passed a descriptor may.
        descriptor.assign(fd.get());
        fd.release();
    }

    // What is ready when it is closed has a handler under way, which then finds it closed.
    static auto once(std::shared_ptr<Inside> inside, Loop::Act then) {
        return [inside = std::move(inside), then = std::move(then)](error_code error) {
            if (!error && inside->descriptor.is_open()) {
                then();
            }
        };
    }

    asio::posix::stream_descriptor descriptor;
};

Watch::Watch() noexcept = default;

Watch::Watch(Loop& loop, base::Fd fd)
    : m_inside(std::make_shared<Inside>(loop.inside().context, std::move(fd))) {}

Watch::~Watch() {
    close();
}

Watch::Watch(Watch&& other) noexcept = default;

Watch& Watch::operator=(Watch&& other) noexcept {
    if (this != &other) {
        close();
        m_inside = std::move(other.m_inside);
    }
    return *this;
}

int Watch::get() const noexcept {
    return m_inside ? m_inside->descriptor.native_handle() : -1;
}

void Watch::readable(Loop::Act then) {
    m_inside->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                    Inside::once(m_inside, std::move(then)));
}

void Watch::writable(Loop::Act then) {
    m_inside->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                    Inside::once(m_inside, std::move(then)));
}

void Watch::close() noexcept {
    if (!m_inside) {
        return;
    }
    // The last close of a TCP socket waits for as long as SO_LINGER says, which whoever passed it
    // may have set.
    const linger never{};
    ::setsockopt(get(), SOL_SOCKET, SO_LINGER, &never, sizeof never);
    error_code ignored;
    m_inside->descriptor.close(ignored);
    m_inside.reset();
}

// Lives until the handler of what was set has run: cancelled or overtaken, a handler may be under
// way already.
struct Timer::Inside {
    explicit Inside(asio::io_context& context) : timer(context) {}

    asio::steady_timer timer;
    std::uint64_t turn = 0;
};

Timer::Timer(Loop& loop) : m_inside(std::make_shared<Inside>(loop.inside().context)) {}

Timer::~Timer() {
    cancel();
}

void Timer::set(std::chrono::milliseconds after, Loop::Act then) {
    const std::uint64_t turn = ++m_inside->turn;
    m_inside->timer.expires_after(after);
    m_inside->timer.async_wait([inside = m_inside, turn, then = std::move(then)](error_code error) {
        if (!error && inside->turn == turn) {
            then();
        }
    });
}

void Timer::cancel() noexcept {
    ++m_inside->turn;
    try {
        m_inside->timer.cancel();
    } catch (const std::exception&) {
        // it goes off, finds another turn, and is forgotten
        return;
    }
}

}  // namespace ardent::environment
