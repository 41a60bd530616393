// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/hostile_directory.hpp"

#include "common/base/fd.hpp"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr int k_most_entries = 10000;  // of a folder that somebody has filled

base::Fd open_folder(const std::string& directory, const std::string& folder) {
    const base::Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return base::Fd(
        ::openat(root.get(), folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// fstatat without following, then an open without following and without waiting for a FIFO's
// writer.
base::Fd open_latest(base::Fd folder) {
    const int place = folder.get();
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(::dup(place)), &::closedir);
    std::string latest;
    std::pair<time_t, long> newest{0, 0};
    for (int i = 0; entries && i < k_most_entries; ++i) {
        const dirent* const entry = ::readdir(entries.get());
        if (entry == nullptr) {
            break;
        }
        struct stat about {};
        if (::fstatat(place, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(about.st_mode) &&
            newest < std::pair<time_t, long>(about.st_mtim.tv_sec, about.st_mtim.tv_nsec)) {
            newest = {about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
            latest = entry->d_name;
        }
    }
    return latest.empty() ? base::Fd()
                          : base::Fd(::openat(place, latest.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

std::string read_latest(const std::string& directory, const std::string& folder, std::size_t most) {
    const base::Fd file = open_latest(open_folder(directory, folder));
    struct stat about {};
    if (!file.valid() || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
        return {};
    }
    std::string text(most, '\0');
    const off_t from = std::max<off_t>(0, about.st_size - static_cast<off_t>(most));
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), from);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
    return text;
}

void remove_planted(const std::string& path) {
    std::error_code error;
    std::filesystem::remove_all(path,
                                error);  // opens what it descends into without following links
}

}  // namespace ardent::environment
