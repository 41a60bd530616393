// SPDX-License-Identifier: PostgreSQL
// Trees for the tests of environment/volume, below TMPDIR: tests/volume.sh points it to several
// file systems.
#pragma once

#include "environment/volume/volume.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace ardent::test {

/// A folder of its own, removed at the end whatever was put into it.
class Room {
public:
    explicit Room(const std::string& above = std::filesystem::temp_directory_path()) {
        std::string pattern = above + "/ardent-volume-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        m_path = pattern;
    }
    ~Room() {
        try {
            environment::remove_tree(m_path);
        } catch (const std::exception& error) {
            ::fprintf(stderr, "%s stays: %s\n", m_path.c_str(), error.what());
        }
    }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    std::string operator/(const std::string& name) const { return m_path + "/" + name; }
    const std::string& path() const { return m_path; }

private:
    std::string m_path;
};

inline void put(const std::string& path, const std::string& bytes, mode_t mode = 0644) {
    std::ofstream out(path, std::ios::binary);
    REQUIRE((out << bytes).flush().good());
    REQUIRE(::chmod(path.c_str(), mode) == 0);
}

inline std::string get(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
}

/// Not a comparison of texts, which would be printed: these are megabytes.
inline bool holds(const std::string& path, const std::string& bytes) {
    return get(path) == bytes;
}

/// What stands there, links not followed; st_mode is 0 when nothing does.
inline struct stat stat_of(const std::string& path) {
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 ? about : (struct stat){};
}

inline bool is_there(const std::string& path) {
    return stat_of(path).st_mode != 0;
}
inline mode_t mode_of(const std::string& path) {
    return stat_of(path).st_mode & 07777;
}

inline std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        names.push_back(entry.path().filename().string());
    }
    return names;
}

/// A socket that nobody listens at. Its name is short enough for the address when it is made from
/// within.
inline void put_socket(const std::string& folder, const std::string& name) {
    const int before = ::open(".", O_PATH | O_CLOEXEC);
    REQUIRE(::chdir(folder.c_str()) == 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    REQUIRE(::fchdir(before) == 0);
    ::close(before);
}

inline environment::CloneMethod proven(const Room& room) {
    return environment::prove_clone_method(room.path()).method;
}

/// Every method that works there: a copy works everywhere, FICLONE on Btrfs too.
inline std::vector<environment::CloneMethod> methods(const Room& room) {
    using environment::CloneMethod;
    switch (proven(room)) {
    case CloneMethod::btrfs:
        return {CloneMethod::copy, CloneMethod::reflink, CloneMethod::btrfs};
    case CloneMethod::reflink:
        return {CloneMethod::copy, CloneMethod::reflink};
    case CloneMethod::copy:
        break;
    }
    return {CloneMethod::copy};
}

/// As a caller has to do it: a snapshot is cleaned before anybody reads it.
inline environment::CloneOutcome clone(const std::string& source, const std::string& target,
                                       const environment::CloneOptions& options) {
    environment::CloneOutcome outcome = environment::clone_tree(source, target, options);
    if (options.method == environment::CloneMethod::btrfs) {
        outcome.contents = environment::clean_clone(target, options.leave_out, options.limits);
    }
    return outcome;
}

}  // namespace ardent::test
