// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/control_group.hpp"

#include "common/process/log.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <utility>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr const char* k_mount = "/sys/fs/cgroup";
constexpr const char* k_own_group = "/environment";

/// 0, or errno. The kernel's files take one write each.
int write_value(const std::string& path, const std::string& value) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    const int code =
        ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
    ::close(fd);
    return code;
}

int make_group(const std::string& path) {
    return ::mkdir(path.c_str(), S_IRWXU) == 0 || errno == EEXIST ? 0 : errno;
}

/// "0::/system.slice/ardent-environment.service"; empty with version 1.
std::string own_group() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::/") && line.size() > 4) {
            return line.substr(3);
        }
    }
    return {};
}

std::string group_of(const InstanceLimits& limits, std::string_view name) {
    return limits.groups + "/" + std::string(name);
}

void warn(std::string_view name, const std::string& what, int code) {
    process::log_warning(
        "a server has no limit",
        {{"group", std::string(name)}, {"limit", what}, {"error", std::strerror(code)}});
}

}  // namespace

std::string take_control_groups() {
    const std::string own = own_group();
    // A unit's own group holds this program alone; a login session's, which may be writable too,
    // holds others.
    if (!own.ends_with(".service") ||
        ::access((k_mount + own + "/cgroup.subtree_control").c_str(), W_OK) != 0) {
        process::log_debug("no control groups were delegated", {{"group", own}});
        return {};
    }
    std::string groups = k_mount + own;
    int code = make_group(groups + k_own_group);
    if (code == 0) {
        code = write_value(groups + k_own_group + "/cgroup.procs", std::to_string(::getpid()));
    }
    // One by one: a machine with the old hierarchies has some of them there.
    for (const char* const controller : {"+memory", "+pids", "+cpu"}) {
        const int enabled = write_value(groups + "/cgroup.subtree_control", controller);
        if (code == 0 && enabled != 0) {
            process::log_warning(
                "servers have no limits of one kind",
                {{"controller", controller + 1}, {"error", std::strerror(enabled)}});
        }
    }
    if (code != 0) {
        process::log_warning("servers have no limits: control groups cannot be used",
                             {{"group", own}, {"error", std::strerror(code)}});
        return {};
    }
    return groups;
}

void limit_server(const InstanceLimits& limits, std::string_view name, pid_t server) {
    if (limits.groups.empty()) {
        return;
    }
    const std::string group = group_of(limits, name);
    if (const int code = make_group(group); code != 0) {
        warn(name, "all", code);
        return;
    }
    const std::pair<const char*, std::uint64_t> values[] = {{"memory.max", limits.memory},
                                                            {"pids.max", limits.processes},
                                                            {"cpu.weight", limits.cpu_weight}};
    for (const auto& [file, value] : values) {
        const int code =
            write_value(group + "/" + file, value == 0 ? "max" : std::to_string(value));
        if (code != 0 && code != ENOENT) {  // a controller that is not here was told at the start
            warn(name, file, code);
        }
    }
    if (const int code = write_value(group + "/cgroup.procs", std::to_string(server)); code != 0) {
        warn(name, "all", code);
    }
}

void remove_control_group(const InstanceLimits& limits, std::string_view name) {
    if (!limits.groups.empty()) {
        ::rmdir(group_of(limits, name).c_str());
    }
}

}  // namespace ardent::environment
