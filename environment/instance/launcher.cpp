// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/launcher.hpp"

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/process/subprocess.hpp"
#include "environment/instance/system_calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t k_status_limit = 4096;

std::vector<std::string> server_argv(const ServerFiles& files, const ServerPaths& seen) {
    std::vector<std::string> argv;
    if (!files.opener.empty()) {
        argv = {files.opener, seen.socket + "/opener", "5432", "--"};
    }
    for (const std::string& word :
         {files.binaries + "/postgres", std::string("-D"), seen.data, std::string("-c"),
          "config_file=" + seen.configuration + "/postgresql.conf"}) {
        argv.push_back(word);
    }
    return argv;
}

// Nothing of this host's environment: a superuser inside could read it.
std::map<std::string, std::string> server_environment() {
    return {{"LANG", "C.UTF-8"}, {"LC_MESSAGES", "C"}, {"TZ", "UTC"}, {"PATH", "/nonexistent"}};
}

// bwrap writes a line with the pid as this host counts, before the program runs; nothing when it
// fails before.
std::optional<pid_t> read_child_pid(const base::Fd& status) {
    std::string text;
    std::array<char, 512> buffer{};
    while (text.find('\n') == std::string::npos && text.size() < k_status_limit) {
        const ssize_t size = ::read(status.get(), buffer.data(), buffer.size());
        if (size == 0 || (size < 0 && errno != EINTR)) {
            return std::nullopt;
        }
        text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(0, size)));
    }
    const auto line = base::try_json(text.substr(0, text.find('\n')));
    if (!line.is_object() || !line.contains("child-pid")) {
        return std::nullopt;
    }
    return line["child-pid"].get<pid_t>();
}

std::optional<ServerProcess> launch_contained(const Containment& containment,
                                              const Launch& launch) {
    const base::Fd filter = system_call_filter();
    const base::Fd users = users_file();
    base::Pipe status = base::make_pipe();
    // By bwrap itself, so that it is there when this process is killed in the next moment.
    const base::Fd information(::open(launch.information_file.c_str(),
                                      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                                      S_IRUSR | S_IWUSR));
    if (!information.valid()) {
        throw Error(ErrorKind::transient,
                    "cannot write " + launch.information_file + ": " + std::strerror(errno));
    }
    process::Command command;
    command.argv =
        containment_argv(containment, launch.files,
                         {filter.get(), users.get(), information.get(), status.write.get()});
    const std::vector<std::string> server = server_argv(launch.files, paths_inside());
    command.argv.insert(command.argv.end(), server.begin(), server.end());
    command.environment = server_environment();
    command.kept = {filter.get(), users.get(), information.get(), status.write.get(), launch.lock};
    process::start(command, launch.output_file);
    status.write.close();
    const std::optional<pid_t> pid = read_child_pid(status.read);
    return pid ? ServerProcess::open(*pid) : std::nullopt;
}

}  // namespace

base::Fd try_lock(const std::string& file, ErrorKind kind) {
    base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!fd.valid()) {
        throw Error(kind, "cannot open " + file + ": " + std::strerror(errno));
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }
    if (errno != EWOULDBLOCK) {
        throw Error(kind, "cannot lock " + file + ": " + std::strerror(errno));
    }
    return {};
}

ServerProcess launch_server(const Containment& containment, const Launch& launch) {
    std::optional<ServerProcess> server;
    if (containment.works) {
        server = launch_contained(containment, launch);
    } else {
        process::Command command;
        command.argv = server_argv(launch.files, launch.files.paths);
        command.environment = server_environment();
        command.kept = {launch.lock};
        server = ServerProcess::open(process::start(command, launch.output_file));
    }
    if (!server) {
        throw Error(ErrorKind::transient, launch.instance + ": its server ends at its start",
                    "What it said is in " + launch.output_file + ".");
    }
    return *server;
}

}  // namespace ardent::environment
