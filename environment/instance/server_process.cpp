// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/server_process.hpp"

#include "common/process/log.hpp"

#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace ardent::environment {

namespace {

namespace fs = std::filesystem;

constexpr auto k_orphan_patience = std::chrono::seconds(10);
constexpr auto k_poll = std::chrono::milliseconds(20);

bool works_in(pid_t pid, const fs::path& directory) {
    std::error_code error;
    const fs::path now = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
    return !error && now == directory;
}

bool is_zombie(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto end_of_name = text.rfind(") ");
    return end_of_name == std::string::npos || text[end_of_name + 2] == 'Z';
}

std::optional<pid_t> pid_in_file(const std::string& path) {
    std::ifstream file(path);
    pid_t pid = 0;
    return file >> pid && pid > 0 ? std::optional(pid) : std::nullopt;
}

fs::path canonical(const std::string& directory) {
    std::error_code error;
    fs::path path = fs::canonical(directory, error);
    return error ? fs::path(directory) : path;
}

}  // namespace

std::optional<pid_t> running_postmaster(const std::string& data_directory) {
    const auto pid = pid_in_file(data_directory + "/postmaster.pid");
    if (pid && works_in(*pid, canonical(data_directory)) && !is_zombie(*pid)) {
        return pid;
    }
    return std::nullopt;
}

std::vector<pid_t> server_processes(const std::string& data_directory) {
    std::vector<pid_t> found;
    const fs::path directory = canonical(data_directory);
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        pid_t pid = 0;
        const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (code == std::errc() && end == name.data() + name.size() && works_in(pid, directory) &&
            !is_zombie(pid)) {
            found.push_back(pid);
        }
    }
    return found;
}

void clean_up_after_crash(const std::string& data_directory, const std::string& socket_directory) {
    const auto deadline = std::chrono::steady_clock::now() + k_orphan_patience;
    std::vector<pid_t> orphans = server_processes(data_directory);
    if (!orphans.empty()) {
        process::log_warning("ending the children of a server that died",
                             {{"directory", data_directory}, {"count", orphans.size()}});
    }
    while (!orphans.empty() && std::chrono::steady_clock::now() < deadline) {
        for (const pid_t pid : orphans) {
            ::kill(pid, SIGKILL);
        }
        std::this_thread::sleep_for(k_poll);
        orphans = server_processes(data_directory);
    }
    std::error_code error;
    fs::remove(data_directory + "/postmaster.pid", error);
    fs::remove(socket_directory + "/.s.PGSQL.5432", error);
    fs::remove(socket_directory + "/.s.PGSQL.5432.lock", error);
}

}  // namespace ardent::environment
