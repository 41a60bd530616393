// SPDX-License-Identifier: PostgreSQL
#include "cli/config_file.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <openssl/evp.h>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t k_largest_file = 1U << 20U;
constexpr std::size_t k_fingerprint_digits = 16;
constexpr auto k_lock_patience = std::chrono::seconds(10);
constexpr auto k_lock_poll = std::chrono::milliseconds(10);

struct Place {
    std::string folder;
    std::string file;
    bool ours;  // ~/.ardent, which holds nothing else
};

Place place_of(const Variables& environment) {
    if (const std::string path = variable(environment, "ARDENT_CONFIG"); !path.empty()) {
        const std::size_t slash = path.rfind('/');
        return {slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1)),
                path, false};
    }
    const std::string home = variable(environment, "HOME");
    if (home.empty()) {
        throw Error(ErrorKind::config,
                    "neither ARDENT_CONFIG nor HOME is set, so there is no place for config.json",
                    "Set ARDENT_CONFIG to the path of a file.");
    }
    return {home + "/.ardent", home + "/.ardent/config.json", true};
}

Error refused(const std::string& path, const std::string& why, const std::string& hint = {}) {
    return Error(ErrorKind::config, path + " " + why, hint);
}

Error failed(const std::string& what, const std::string& path) {
    return Error(ErrorKind::config, "cannot " + what + " " + path + ": " + std::strerror(errno));
}

void check_trust(const std::string& path, const struct stat& info) {
    if (!S_ISREG(info.st_mode)) {
        throw refused(path, "is not a file");
    }
    if (info.st_uid != ::geteuid()) {
        throw refused(path, "belongs to another user", "Run ardent as the user that owns it.");
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        throw refused(path, "may be read or written by others than its owner",
                      "Run: chmod 600 " + path + " and, if others may have read it, renew the key");
    }
}

/// Nothing when there is no such file.
std::optional<std::string> read_trusted(const std::string& path) {
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid()) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        if (errno == ELOOP) {
            throw refused(path, "is a symbolic link", "Name the file itself in ARDENT_CONFIG.");
        }
        throw failed("read", path);
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) {
        throw failed("examine", path);
    }
    check_trust(path, info);
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::read(file.get(), piece.data(), piece.size())) != 0;) {
        if (size < 0) {
            throw failed("read", path);
        }
        text.append(piece.data(), static_cast<std::size_t>(size));
        if (text.size() > k_largest_file) {
            throw refused(path, "is larger than 1 MB: it is not the command line's");
        }
    }
    return text;
}

void make_folder(const Place& place) {
    if (::mkdir(place.folder.c_str(), 0700) != 0 && errno != EEXIST) {
        throw failed("make", place.folder);
    }
    if (!place.ours) {
        return;
    }
    struct stat info {};
    if (::stat(place.folder.c_str(), &info) != 0) {
        throw failed("examine", place.folder);
    }
    if (info.st_uid != ::geteuid()) {
        throw refused(place.folder, "belongs to another user",
                      "Run ardent as the user that owns it.");
    }
    if ((info.st_mode & 0777U) != 0700 && ::chmod(place.folder.c_str(), 0700) != 0) {
        throw failed("close to others", place.folder);
    }
}

bool write_all(int file, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t size = ::write(file, text.data() + done, text.size() - done);
        if (size < 0 && errno != EINTR) {
            return false;
        }
        done += size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    return true;
}

// What a killed program left under the second name is nobody's: the lock is held.
void replace_file(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const base::Fd file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid() || ::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), text) ||
        ::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        const int why = errno;
        if (file.valid()) {
            ::unlink(fresh.c_str());
        }
        errno = why;
        throw failed("write", path);
    }
}

/// Of the folder; released when it goes. Where it cannot be had in time (another program stopped, a
/// file system without locks), the change is made without: the rename keeps the file whole.
base::Fd lock(const std::string& folder) {
    base::Fd held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto deadline = std::chrono::steady_clock::now() + k_lock_patience;
    while (held.valid() && ::flock(held.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(k_lock_poll);
    }
    return held;
}

std::string fingerprint(const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw Error(ErrorKind::bug, "SHA-256 is not available");
    }
    return base::to_hex({reinterpret_cast<const char*>(digest.data()), size})
        .substr(0, k_fingerprint_digits);
}

}  // namespace

std::string variable(const Variables& environment, const std::string& name) {
    const auto at = environment.find(name);
    return at == environment.end() ? std::string() : at->second;
}

std::string config_path(const Variables& environment) {
    return place_of(environment).file;
}

Config read_config(const Variables& environment) {
    // Without a place there is nothing remembered, and a command that has all it needs goes on.
    if (variable(environment, "ARDENT_CONFIG").empty() && variable(environment, "HOME").empty()) {
        return {};
    }
    const std::string path = config_path(environment);
    const auto text = read_trusted(path);
    return text ? config_from_text(path, *text) : Config();
}

void change_config(const Variables& environment, const std::function<void(Config&)>& change) {
    const Place place = place_of(environment);
    make_folder(place);
    const base::Fd held = lock(place.folder);
    Config config = read_config(environment);
    change(config);
    replace_file(place.file, config_text(config));
}

bool remove_config(const Variables& environment) {
    const std::string path = config_path(environment);
    if (::unlink(path.c_str()) == 0) {
        return true;
    }
    if (errno == ENOENT) {
        return false;
    }
    throw failed("remove", path);
}

std::string authority_file(const Variables& environment, const std::string& certificate) {
    const Place place = place_of(environment);
    make_folder(place);
    std::string path = std::filesystem::absolute(place.folder).string() + "/branch-authority-" +
                       fingerprint(certificate) + ".pem";
    if (read_trusted(path) != certificate) {
        const base::Fd held = lock(place.folder);
        replace_file(path, certificate);
    }
    return path;
}

}  // namespace ardent::cli
