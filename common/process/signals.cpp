// SPDX-License-Identifier: PostgreSQL
#include "common/process/signals.hpp"

#include "common/base/error.hpp"

#include <csignal>
#include <sys/signalfd.h>
#include <unistd.h>

namespace ardent::process {

namespace {

sigset_t termination_set() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

TerminationSignals::TerminationSignals() {
    std::signal(SIGPIPE, SIG_IGN);
    const sigset_t set = termination_set();
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
        throw base::Error(base::ErrorKind::bug, "cannot block signals");
    }
    m_fd = base::Fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!m_fd.valid()) {
        throw base::Error(base::ErrorKind::bug, "signalfd failed");
    }
}

bool TerminationSignals::requested() noexcept {
    signalfd_siginfo info{};
    while (read(m_fd.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            m_requested = true;
        }
    }
    return m_requested;
}

void restore_default_signals() noexcept {
    std::signal(SIGPIPE, SIG_DFL);
    const sigset_t set = termination_set();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace ardent::process
