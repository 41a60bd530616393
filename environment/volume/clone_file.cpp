// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/clone_file.hpp"

#include "common/base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ardent::environment::volume {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t k_piece = 1 << 20;  // bytes between two looks at whether to go on

/// Of a file that was opened: what fstatat saw may have been another one.
Cloned kind_of(int error) {
    if (error == ENOENT) {
        return Cloned::gone;
    }
    return error == ELOOP ? Cloned::link : Cloned::other;
}

// Btrfs shares blocks only between files that are both written in place or both not (FS_NOCOW_FL,
// EINVAL otherwise; fs/btrfs/reflink.c), and the flag can be set on an empty file alone.
bool took_nocow(int to, int from) {
    int flags = 0;
    if (::ioctl(from, FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_NOCOW_FL) == 0) {
        return false;
    }
    int own = 0;
    if (::ioctl(to, FS_IOC_GETFLAGS, &own) != 0 || (own & FS_NOCOW_FL) != 0) {
        return false;
    }
    own |= FS_NOCOW_FL;
    return ::ioctl(to, FS_IOC_SETFLAGS, &own) == 0;
}

}  // namespace

int reflink(int to, int from) {
    for (;;) {
        if (::ioctl(to, FICLONE, from) == 0) {
            return 0;
        }
        const int error = errno;
        if (error != EINTR && !(error == EINVAL && took_nocow(to, from))) {
            return error;
        }
    }
}

void begin_to_read(int folder, const char* name) noexcept {
    // More of one file is not read first by anybody.
    constexpr off_t k_most = 16 << 20;
    if (const base::Fd file = open_beneath(folder, name, 0); file.valid()) {
        ::posix_fadvise(file.get(), 0, k_most, POSIX_FADV_WILLNEED);
    }
}

FileCloner::FileCloner(CloneMethod method, Space space, std::function<void(std::uint64_t)> advanced)
    : m_method(method), m_space(std::move(space)), m_advanced(std::move(advanced)) {}

Cloned FileCloner::clone(int from, int to, const char* name, const std::string& path,
                         std::uint64_t& size) {
    const base::Fd source = open_beneath(from, name, 0);
    if (!source.valid()) {
        // ENXIO: a socket, or a device without a driver; EXDEV: something is mounted on it.
        if (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EXDEV) {
            return kind_of(errno);
        }
        fail(errno, "cannot read " + shown(path), m_space);
    }
    struct stat about {};
    if (::fstat(source.get(), &about) != 0) {
        fail(errno, "cannot look at " + shown(path), m_space);
    }
    if (!S_ISREG(about.st_mode)) {
        return Cloned::other;
    }
    const base::Fd target(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                   S_IRUSR | S_IWUSR));
    if (!target.valid()) {
        fail(errno, "cannot make " + shown(path) + " in the clone", m_space);
    }
    size = static_cast<std::uint64_t>(about.st_size);
    if (size == 0) {
        return Cloned::whole;
    }
    if (m_method == CloneMethod::reflink) {
        share(target.get(), source.get(), path);
    } else {
        copy(target.get(), source.get(), size, path);
    }
    return Cloned::whole;
}

void FileCloner::share(int to, int from, const std::string& path) {
    const int error = reflink(to, from);
    if (error == EXDEV || error == EOPNOTSUPP || error == ENOTTY || error == EINVAL) {
        throw Error(
            ErrorKind::replica,
            "the file system refuses to share blocks of " + shown(path) + " (FICLONE: " +
                std::strerror(error) + "), though a trial at the start showed that it can",
            "source and clone must stand in one file system; after it was changed, start the "
            "environment again");
    }
    if (error != 0) {
        fail(error, "cannot share the blocks of " + shown(path), m_space);
    }
}

void FileCloner::copy(int to, int from, std::uint64_t size, const std::string& path) {
    std::uint64_t at = 0;
    while (at < size) {
        const off_t data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break;  // nothing but a hole up to the end, or the file became shorter
        }
        // EINVAL is a file system that does not know its holes: all of it is data then.
        const std::uint64_t begin = data < 0 ? at : static_cast<std::uint64_t>(data);
        const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
        const std::uint64_t end =
            std::min(size, hole < 0 ? size : static_cast<std::uint64_t>(hole));
        if (begin >= size) {
            break;  // it grew meanwhile
        }
        m_advanced(begin - at);
        at = copy_range(to, from, begin, end, path);
        if (at < end) {
            break;
        }
    }
    // A file that became shorter ends where it ends now: PostgreSQL truncates whole pages, and
    // zeroes that were never written are not made up.
    struct stat now {};
    if (::fstat(from, &now) != 0) {
        fail(errno, "cannot look at " + shown(path), m_space);
    }
    const std::uint64_t whole = std::min(size, static_cast<std::uint64_t>(now.st_size));
    if (::ftruncate(to, static_cast<off_t>(whole)) != 0) {
        fail(errno, "cannot write " + shown(path) + " in the clone", m_space);
    }
    m_advanced(size - std::min(at, size));
}

std::uint64_t FileCloner::copy_range(int to, int from, std::uint64_t at, std::uint64_t end,
                                     const std::string& path) {
    m_buffer.resize(
        std::max<std::size_t>(m_buffer.size(), std::min<std::uint64_t>(k_piece, end - at)));
    while (at < end) {
        const std::size_t most = std::min<std::uint64_t>(m_buffer.size(), end - at);
        const ssize_t count = ::pread(from, m_buffer.data(), most, static_cast<off_t>(at));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fail(errno, "cannot read " + shown(path), m_space);
        }
        if (count == 0) {
            break;  // it became shorter
        }
        write(to, static_cast<std::size_t>(count), at, path);
        at += static_cast<std::uint64_t>(count);
        m_advanced(static_cast<std::uint64_t>(count));
    }
    return at;
}

void FileCloner::write(int to, std::size_t count, std::uint64_t at, const std::string& path) {
    std::size_t done = 0;
    while (done < count) {
        const ssize_t written =
            ::pwrite(to, m_buffer.data() + done, count - done, static_cast<off_t>(at + done));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            fail(errno, "cannot write " + shown(path) + " in the clone", m_space);
        }
        done += static_cast<std::size_t>(written);
    }
}

}  // namespace ardent::environment::volume
