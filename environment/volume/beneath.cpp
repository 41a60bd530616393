// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/beneath.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/volume/volume.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ardent::environment::volume {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t k_most_shown = 200;  // bytes of a path in a message
constexpr mode_t k_permissions = 07777;

std::string room(const Space& space) {
    if (space.folder.empty()) {
        return {};
    }
    std::string text = space.needed == 0 ? "the file system's own records are all that is needed"
                                         : base::human_bytes(space.needed) + " needed";
    try {
        text += ", " + base::human_bytes(free_bytes(space.folder)) + " free";
    } catch (const Error&) {
        text += ", free space unknown";
    }
    return " (" + text + " in " + shown(space.folder) + ")";
}

// glibc has no wrapper for openat2 (Linux 5.6).
int open_at_2(int folder, const char* name, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    return static_cast<int>(::syscall(SYS_openat2, folder, name, &how, sizeof how));
}

}  // namespace

void fail(int error, const std::string& what, const Space& space) {
    if (error == ENOSPC || error == EDQUOT) {
        throw Error(ErrorKind::transient,
                    what + ": " + (error == ENOSPC ? "no space left" : "the quota is used up") +
                        room(space),
                    "free space there, or remove branches that nobody needs any more");
    }
    const bool shortage = error == EMFILE || error == ENFILE || error == ENOMEM;
    throw Error(shortage ? ErrorKind::transient : ErrorKind::replica,
                what + ": " + std::strerror(error));
}

std::string shown(std::string_view path) {
    return base::clip_utf8(base::printable(path), k_most_shown);
}

Folder::Folder(base::Fd fd, const std::string& path)
    : m_entries(::fdopendir(fd.get())), m_path(path) {
    if (!m_entries) {
        fail(errno, "cannot list " + shown(path), {path});
    }
    fd.release();  // the stream owns it now
}

const char* Folder::next() {
    for (;;) {
        errno = 0;  // how readdir tells an error from the end
        const dirent* const entry = ::readdir(m_entries.get());
        if (entry == nullptr) {
            if (errno != 0) {
                fail(errno, "cannot list " + shown(m_path), {m_path});
            }
            return nullptr;
        }
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") {
            return entry->d_name;
        }
    }
}

base::Fd open_root(const std::string& path) {
    base::Fd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root.valid()) {
        fail(errno, "cannot open " + shown(path), {path});
    }
    return root;
}

Place place_of(const std::string& path) {
    std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
    if (!whole.has_filename()) {
        whole = whole.parent_path();  // "a/b/" names b
    }
    Place place;
    place.name = whole.filename().string();
    place.path = whole.has_parent_path() ? whole.parent_path().string() : ".";
    place.folder = base::Fd(::open(place.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!place.folder.valid() || place.name.empty() || place.name == "." || place.name == "..") {
        throw Error(ErrorKind::config,
                    "no tree can stand at " + shown(path) + ": " +
                        (place.folder.valid() ? "it has no name" : std::strerror(errno)));
    }
    return place;
}

base::Fd open_beneath(int folder, const char* name, int flags) {
    // O_NONBLOCK: a FIFO that took the place of a file meanwhile does not keep us waiting.
    const int all = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open_at_2(folder, name, all);
    if (fd < 0 && errno == ENOSYS) {
        // Before 5.6, or under a filter of system calls that does not know it: for one name
        // O_NOFOLLOW says the same, but for mounts, which the walk tells by their device.
        fd = ::openat(folder, name, all);
    }
    return base::Fd(fd);
}

std::optional<struct stat> look(int folder, const char* name, const std::string& path) {
    struct stat about {};
    if (::fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0) {
        return about;
    }
    if (errno != ENOENT) {
        fail(errno, "cannot look at " + shown(path), {});
    }
    return std::nullopt;
}

void set_mode(int folder, const char* name, const struct stat& about, mode_t mode,
              const std::string& path) {
    if ((about.st_mode & k_permissions) == mode) {
        return;
    }
    // EOPNOTSUPP is how AT_SYMLINK_NOFOLLOW says that a link stands there.
    if (::fchmodat(folder, name, mode, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT &&
        errno != EOPNOTSUPP) {
        fail(errno, "cannot set the mode of " + shown(path), {});
    }
}

}  // namespace ardent::environment::volume
