// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/volume.hpp"

#include "environment/volume/beneath.hpp"
#include "environment/volume/btrfs.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/statvfs.h>

namespace ardent::environment {

using namespace volume;  // what this room keeps to itself

void make_tree(CloneMethod method, const std::string& path) {
    const Place place = place_of(path);
    const int folder = place.folder.get();
    int error = 0;
    if (method == CloneMethod::btrfs) {
        error = create_subvolume(folder, place.name);
    } else if (::mkdirat(folder, place.name.c_str(), S_IRWXU) != 0) {
        error = errno;
    }
    if (error != 0) {
        fail(error, "cannot make " + shown(path), {place.path});
    }
    // A subvolume has the mode that the umask leaves of 0777.
    if (::fchmodat(folder, place.name.c_str(), S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0) {
        fail(errno, "cannot set the mode of " + shown(path), {place.path});
    }
}

std::uint64_t free_bytes(const std::string& folder) {
    struct statvfs about {};
    if (::statvfs(folder.c_str(), &about) != 0) {
        fail(errno, "cannot ask for the free space of " + shown(folder), {});
    }
    return static_cast<std::uint64_t>(about.f_bavail) * about.f_frsize;
}

}  // namespace ardent::environment
