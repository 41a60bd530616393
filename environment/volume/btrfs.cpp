// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/btrfs.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <linux/magic.h>

namespace ardent::environment::volume {

namespace {

/// The names' fields are fixed arrays that end with a zero.
template <std::size_t n>
bool put_name(char (&field)[n], const std::string& name) {
    if (name.size() >= n) {
        return false;
    }
    std::memcpy(field, name.c_str(), name.size() + 1);
    return true;
}

int create(int folder, const std::string& name, unsigned long request, int source) {
    btrfs_ioctl_vol_args_v2 arguments{};
    arguments.fd = source;
    if (!put_name(arguments.name, name)) {
        return ENAMETOOLONG;
    }
    return ::ioctl(folder, request, &arguments) == 0 ? 0 : errno;
}

}  // namespace

int create_subvolume(int folder, const std::string& name) {
    return create(folder, name, BTRFS_IOC_SUBVOL_CREATE_V2, 0);
}

int snapshot_subvolume(int source, int folder, const std::string& name) {
    return create(folder, name, BTRFS_IOC_SNAP_CREATE_V2, source);
}

int destroy_subvolume(int folder, const std::string& name) {
    btrfs_ioctl_vol_args arguments{};
    if (!put_name(arguments.name, name)) {
        return ENAMETOOLONG;
    }
    return ::ioctl(folder, BTRFS_IOC_SNAP_DESTROY, &arguments) == 0 ? 0 : errno;
}

int make_writable(int subvolume) {
    struct statfs about {};
    if (::fstatfs(subvolume, &about) != 0 || about.f_type != BTRFS_SUPER_MAGIC) {
        return ENOTTY;
    }
    std::uint64_t flags = 0;
    if (::ioctl(subvolume, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) != 0) {
        return errno;
    }
    flags &= ~std::uint64_t{BTRFS_SUBVOL_RDONLY};
    return ::ioctl(subvolume, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) == 0 ? 0 : errno;
}

bool may_be_subvolume(const struct stat& about) noexcept {
    return S_ISDIR(about.st_mode) && about.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

}  // namespace ardent::environment::volume
