// SPDX-License-Identifier: PostgreSQL
#include "common/config/secret.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/config/config.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::config {

namespace {

constexpr std::size_t k_largest_secret = 65536;

std::optional<std::string> mode_problem(int fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        return std::string("cannot be examined: ") + std::strerror(errno);
    }
    if (!S_ISREG(info.st_mode)) {
        return "is not a file";
    }
    const bool ours = info.st_uid == ::geteuid() && info.st_uid != 0;
    if (!ours && info.st_uid != 0 && ::geteuid() != 0) {
        return "belongs to another user; make it belong to the user that runs this program";
    }
    // A file of root's may be readable by its group: so systemd's credentials look, whose access
    // list names only the service's user and shows as group permissions.
    const mode_t refused = info.st_uid == 0 ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((info.st_mode & refused) != 0) {
        return "may be read by others than its owner; run: chmod 600 on it";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> secret_file_problem(const std::string& path) {
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid()) {
        return std::string("cannot be read: ") + std::strerror(errno);
    }
    return mode_problem(file.get());
}

std::string read_secret(const std::string& path) {
    const auto refuse = [&](const std::string& why) {
        return base::Error(base::ErrorKind::config, "secret file " + path + ": " + why,
                           "Put the secret, and nothing else, into a file of your own, mode 0600.");
    };
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid()) {
        throw refuse(std::string("cannot be read: ") + std::strerror(errno));
    }
    if (const auto problem = mode_problem(file.get())) {
        throw refuse(*problem);
    }
    std::string content;
    std::array<char, 4096> piece{};
    for (;;) {
        const ssize_t size = ::read(file.get(), piece.data(), piece.size());
        if (size < 0) {
            throw refuse(std::string("cannot be read: ") + std::strerror(errno));
        }
        if (size == 0) {
            break;
        }
        content.append(piece.data(), static_cast<std::size_t>(size));
        if (content.size() > k_largest_secret) {
            throw refuse("is larger than 64 kB: no secret is");
        }
    }
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) {
        content.pop_back();
    }
    if (content.empty()) {
        throw refuse("is empty");
    }
    return content;
}

}  // namespace ardent::config
