// SPDX-License-Identifier: PostgreSQL
// Opening in a hostile tree: one name at a time, relative to its folder's descriptor, no link
// followed. Private to environment/volume. Any thread.
#pragma once

#include "common/base/fd.hpp"

#include <cstdint>
#include <dirent.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace ardent::environment::volume {

/// Where an operation needs room, and how much: for the message of a full disk.
struct Space {
    std::string folder;        // empty: not told
    std::uint64_t needed = 0;  // 0: nothing but the file system's own records
};

/// Throws base::Error for the errno `error`; a full disk and a used-up quota are told with `space`.
[[noreturn]] void fail(int error, const std::string& what, const Space& space);

/// A path out of a tree as a message may show it.
std::string shown(std::string_view path);

/// A folder that is open for reading its entries. Owns its descriptor. `next` is for one thread,
/// `fd` for any.
class Folder {
public:
    /// Throws base::Error.
    Folder(base::Fd fd, const std::string& path);
    int fd() const noexcept { return ::dirfd(m_entries.get()); }
    /// The next name, without "." and ".."; nullptr at the end. Valid until the next call. Throws
    /// base::Error.
    const char* next();
    void rewind() { ::rewinddir(m_entries.get()); }

private:
    struct Close {
        void operator()(DIR* entries) const noexcept { ::closedir(entries); }
    };
    std::unique_ptr<DIR, Close> m_entries;
    std::string m_path;
};

/// `path` is one of ours; only its last part may be somebody else's doing, and is no link. Throws
/// base::Error.
base::Fd open_root(const std::string& path);

/// The folder in which `path` stands, and the last part of it.
struct Place {
    base::Fd folder;
    std::string path;  // of the folder
    std::string name;
};

/// Throws base::Error (config) when there is no such folder.
Place place_of(const std::string& path);

/// Opens `name`, one part of a path, in `folder`, for reading and without waiting for anybody. Not
/// valid, with errno, when that fails: ELOOP or ENOTDIR for a link, EXDEV for a mount.
base::Fd open_beneath(int folder, const char* name, int flags);

/// What stands at `name`, links not followed; nothing when it is gone. Throws base::Error.
std::optional<struct stat> look(int folder, const char* name, const std::string& path);

/// Sets the mode where it differs from `mode`; a link is left alone. Throws base::Error.
void set_mode(int folder, const char* name, const struct stat& about, mode_t mode,
              const std::string& path);

}  // namespace ardent::environment::volume
