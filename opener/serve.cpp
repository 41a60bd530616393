// SPDX-License-Identifier: PostgreSQL
#include "opener/serve.hpp"

#include "opener/request.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::opener {

namespace {

// At once; more wait in the listener's queue. Each takes two descriptors, of the usual 1024.
constexpr std::size_t k_requests = 256;
constexpr rlim_t k_looked_through = 65536;
constexpr int k_look_again = 1000;  // ms: at deadlines, and whether there are descriptors again
constexpr int k_first_descriptor = 3;

using Requests = std::array<Request, k_requests>;

std::time_t now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

// The reaper of PostgreSQL 13 to 18 takes an unknown child that ends with status 0 or 1 without a
// word (18: with a line in its log). One that ends by a signal it takes for a crashed backend, and
// ends every session.
[[noreturn]] void leave() noexcept {
    ::_exit(0);
}

void ignore_signals() noexcept {
    for (int number = 1; number <= SIGRTMAX; ++number) {
        if (number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL) {
            ::signal(number, SIG_IGN);  // refused for SIGKILL, SIGSTOP and two of the C library's
        }
    }
}

// The lock of the instance is a regular file and stays open: while any process of the room lives
// nobody may start another server on its directory (launcher.hpp), and this one is of the room. It
// does not make the lock last longer than the server: it dies with it. Pipes and sockets of the
// launcher's are closed, whoever reads them waits for their end.
void close_inherited(int listener) noexcept {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const int end = static_cast<int>(std::min(files.rlim_cur, k_looked_through));
    for (int fd = k_first_descriptor; fd < end; ++fd) {
        struct stat file {};
        if (fd != listener && ::fstat(fd, &file) == 0 && !S_ISREG(file.st_mode)) {
            ::close(fd);
        }
    }
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < k_first_descriptor; ++fd) {
        ::dup2(null, fd);
    }
    if (null >= k_first_descriptor) {
        ::close(null);
    }
}

// False: there are no descriptors, which asking again at once does not change.
bool take_requests(int listener, Requests& requests) noexcept {
    for (Request& request : requests) {
        if (!request.free()) {
            continue;
        }
        const int asker = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (asker < 0) {
            return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        }
        request.asker = asker;
        request.deadline = now() + k_patience;
    }
    return true;
}

}  // namespace

void settle(int listener, pid_t server) noexcept {
    ignore_signals();
    // Where the server is not process 1 of a namespace, nothing else ends this process with it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != server) {
        leave();
    }
    ::setsid();  // what is sent to the server's process group is not for this process
    close_inherited(listener);
    if (::chdir("/") != 0) {
        return;  // the working directory is held, which hurts nobody
    }
}

void serve(int listener, std::uint16_t port) noexcept {
    Requests requests{};
    bool accepts = true;
    for (;;) {
        std::array<pollfd, k_requests + 1> waits{};
        std::size_t busy = 0;
        for (std::size_t i = 0; i < k_requests; ++i) {
            waits[i] = requests[i].free() ? pollfd{-1, 0, 0} : wanted(requests[i]);
            busy += requests[i].free() ? 0 : 1;
        }
        waits[k_requests] = {accepts && busy < k_requests ? listener : -1, POLLIN, 0};
        const bool looks_again = busy > 0 || !accepts;
        const int ready = ::poll(waits.data(), waits.size(), looks_again ? k_look_again : -1);
        if (ready < 0 && errno != EINTR && errno != ENOMEM) {
            leave();
        }
        const std::time_t time = now();
        for (std::size_t i = 0; i < k_requests; ++i) {
            if (!requests[i].free()) {
                go_on(requests[i], ready > 0 && waits[i].revents != 0, port, time);
            }
        }
        // Without descriptors: again when the second is over or a request ended.
        accepts = !accepts || (ready > 0 && waits[k_requests].revents != 0)
                      ? take_requests(listener, requests)
                      : accepts;
    }
}

}  // namespace ardent::opener
