// SPDX-License-Identifier: PostgreSQL
// Subvolumes of Btrfs. What the kernel allows without privileges (linux/btrfs.h, fs/btrfs/ioctl.c;
// tried on 6.18 as an ordinary user, tests/volume.sh): create in a folder one may write to;
// snapshot of a subvolume one owns (EPERM otherwise, EINVAL for a folder that is none); destroy
// only with the mount option user_subvol_rm_allowed (EPERM otherwise), but rmdir of an empty one
// always (since 4.18). Private to environment/volume. Any thread. The functions answer 0 or an
// errno.
#pragma once

#include <string>
#include <sys/stat.h>

namespace ardent::environment::volume {

/// `name` in `folder`; mode by the umask.
int create_subvolume(int folder, const std::string& name);

/// `name` in `folder` becomes a snapshot of `source`, the root of a subvolume, that can be written.
int snapshot_subvolume(int source, int folder, const std::string& name);

/// With everything that is in it; ENOTEMPTY when other subvolumes are.
int destroy_subvolume(int folder, const std::string& name);

/// Whoever owns it may have made it one that cannot be written; nothing can be removed from it
/// then.
int make_writable(int subvolume);

/// True for the root of a subvolume: these have inode 256 (BTRFS_FIRST_FREE_OBJECTID). On another
/// file system it may be true for any folder: what comes of it is an errno.
bool may_be_subvolume(const struct stat& about) noexcept;

}  // namespace ardent::environment::volume
