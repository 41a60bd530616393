// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/server_process.hpp"

#include "common/base/error.hpp"
#include "common/base/json.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <poll.h>
#include <sstream>
#include <sys/syscall.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr int k_begun_field = 22;  // proc(5), counted from 1; the name before has blanks
constexpr int k_field_behind_name = 3;

/// Empty when there is no such process.
std::string begun_at(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto end_of_name = text.rfind(") ");
    if (end_of_name == std::string::npos) {
        return {};
    }
    std::istringstream fields(text.substr(end_of_name + 2));
    std::string field;
    for (int i = k_field_behind_name; i <= k_begun_field; ++i) {
        fields >> field;
    }
    return field;
}

// Seconds since 1970; nothing when the kernel does not tell.
std::optional<std::int64_t> boot_time() {
    std::ifstream file("/proc/stat");
    std::string word;
    while (file >> word) {
        std::int64_t seconds = 0;
        if (word == "btime" && file >> seconds) {
            return seconds;
        }
    }
    return std::nullopt;
}

// btime is in whole seconds, and bwrap writes once its child is there.
bool began_when_written(const std::string& begun, const std::string& file) {
    constexpr std::int64_t k_tolerance = 3;
    const auto boot = boot_time();
    struct stat about {};
    std::int64_t ticks = 0;
    const auto read = std::from_chars(begun.data(), begun.data() + begun.size(), ticks);
    if (!boot || read.ec != std::errc() || ::stat(file.c_str(), &about) != 0) {
        return false;
    }
    const std::int64_t at = *boot + ticks / ::sysconf(_SC_CLK_TCK);
    return std::abs(at - static_cast<std::int64_t>(about.st_mtime)) <= k_tolerance;
}

}  // namespace

std::optional<ServerProcess> ServerProcess::recover(const std::string& information) {
    std::ifstream file(information);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto told = base::try_json(text);
    if (!told.is_object() || !told.contains("child-pid") ||
        !told["child-pid"].is_number_unsigned()) {
        return std::nullopt;
    }
    std::optional<ServerProcess> server = open(told["child-pid"].get<pid_t>());
    return server && began_when_written(server->m_begun, information) ? server : std::nullopt;
}

std::optional<ServerProcess> ServerProcess::open(pid_t pid) {
    base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid()) {
        if (errno == ESRCH) {
            return std::nullopt;
        }
        throw base::Error(base::ErrorKind::transient, "cannot hold process " + std::to_string(pid) +
                                                          ": " + std::strerror(errno));
    }
    ServerProcess server(pid, begun_at(pid), std::move(process));
    return server.alive() ? std::optional(std::move(server)) : std::nullopt;
}

std::optional<ServerProcess> ServerProcess::find(const std::string& record) {
    std::ifstream file(record);
    pid_t pid = 0;
    std::string begun;
    if (!(file >> pid >> begun) || pid <= 0) {
        return std::nullopt;
    }
    // First the descriptor, then the comparison: what it holds cannot become another process any
    // more.
    std::optional<ServerProcess> server = open(pid);
    return server && server->m_begun == begun ? server : std::nullopt;
}

void ServerProcess::save(const std::string& record) const {
    std::ofstream file(record, std::ios::trunc);
    file << m_pid << " " << m_begun << "\n";
    file.close();
    if (!file) {
        throw base::Error(base::ErrorKind::transient, "cannot write " + record,
                          "Is the file system full or read-only?");
    }
}

bool ServerProcess::alive() const {
    return !wait(std::chrono::milliseconds(0));
}

void ServerProcess::signal(int number) const {
    ::syscall(SYS_pidfd_send_signal, m_process->get(), number, nullptr, 0);
}

bool ServerProcess::wait(std::chrono::milliseconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd wait = {m_process->get(), POLLIN, 0};
        // A process is readable when it has ended, also before its parent has asked for it.
        const int ready =
            ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, rest.count())));
        if (ready > 0) {
            return true;
        }
        if (ready == 0) {
            return false;
        }
    }
}

}  // namespace ardent::environment
