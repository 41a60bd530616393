// SPDX-License-Identifier: PostgreSQL
// The running server of one instance, held by a descriptor of its process: no pid that was given
// away anew is ever signalled. What is known of it comes from its launcher and lies beside the data
// directory, because the data directory is the server's own to write.
#pragma once

#include "common/base/fd.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace ardent::environment {

/// A value; any thread.
class ServerProcess {
public:
    /// Nothing when that process has ended.
    static std::optional<ServerProcess> open(pid_t pid);
    /// The one that `save` recorded, when it still is that very process.
    static std::optional<ServerProcess> find(const std::string& record);

    /// The one that bwrap told of in its information file (--info-fd), when whoever started it was
    /// killed before `save`. A process that began at another time than the file was written has
    /// only got its pid.
    static std::optional<ServerProcess> recover(const std::string& information);

    void save(const std::string& record) const;
    bool alive() const;
    /// To the postmaster: SIGINT a fast shutdown, SIGQUIT an immediate one, SIGKILL none.
    void signal(int number) const;
    /// False when it still runs after `patience`.
    bool wait(std::chrono::milliseconds patience) const;
    pid_t pid() const noexcept { return m_pid; }

private:
    ServerProcess(pid_t pid, std::string begun, base::Fd process)
        : m_pid(pid),
          m_begun(std::move(begun)),
          m_process(std::make_shared<const base::Fd>(std::move(process))) {}

    pid_t m_pid;
    std::string
        m_begun;  // clock ticks since boot, /proc/PID/stat: a pid with another beginning is another process
    std::shared_ptr<const base::Fd> m_process;
};

}  // namespace ardent::environment
