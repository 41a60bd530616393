// SPDX-License-Identifier: PostgreSQL
#include "agent/stop_flag.hpp"

#include "common/base/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>

namespace ardent::agent {

namespace {

constexpr int k_look_again = 100;  // milliseconds

}  // namespace

StopFlag::StopFlag(int signals) : m_end(::eventfd(0, EFD_CLOEXEC)) {
    if (!m_end.valid()) {
        throw base::Error(base::ErrorKind::bug, std::string("eventfd: ") + std::strerror(errno));
    }
    m_thread = std::thread([this, signals] { watch(signals); });
}

void StopFlag::watch(int signals) noexcept {
    std::array<pollfd, 2> fds = {pollfd{m_end.get(), POLLIN, 0}, pollfd{signals, POLLIN, 0}};
    while (fds[0].revents == 0) {
        ::poll(fds.data(), fds.size(), -1);
        sigset_t pending{};
        if (fds[1].revents != 0 && ::sigpending(&pending) == 0) {
            if (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1) {
                m_set = true;
                return;
            }
            // Another signal waits for the main thread to take it, or the main thread was faster.
            ::poll(fds.data(), 1, k_look_again);
        }
    }
}

StopFlag::~StopFlag() {
    static_cast<void>(::eventfd_write(m_end.get(), 1));
    m_thread.join();
}

}  // namespace ardent::agent
