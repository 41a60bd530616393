// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/remover.hpp"

#include "environment/volume/btrfs.hpp"
#include "environment/volume/volume.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace ardent::environment::volume {

namespace {

// Folders open at a time. A tree may be deeper than descriptors or a stack reach: what lies deeper
// is moved up, to the root of what is being removed, and has its turn there.
constexpr std::size_t k_most_depth = 64;

}  // namespace

void Remover::remove(int folder, const std::string& name, const std::string& path) {
    const Level outside{folder, 0, nullptr, nullptr};
    one(outside, name, path);
}

void Remover::one(const Level& in, const std::string& name, const std::string& path) {
    const auto about = look(in.fd, name.c_str(), path);
    if (!about) {
        return;
    }
    if (S_ISDIR(about->st_mode)) {
        folder(in, name, *about, path);
    } else {
        unlink(in, name, path);
    }
}

void Remover::unlink(const Level& in, const std::string& name, const std::string& path) {
    if (::unlinkat(in.fd, name.c_str(), 0) != 0 && errno != ENOENT) {
        fail(errno, "cannot remove " + shown(path), {});
    }
    ++m_progress;
}

bool Remover::at_once(const Level& in, const std::string& name, bool subvolume) {
    // EPERM, ENOTEMPTY and what another file system says lead to the long way. An empty folder may
    // be the stub of a subvolume in a snapshot, from which nothing can be removed (inode 2).
    if ((subvolume && destroy_subvolume(in.fd, name) == 0) ||
        ::unlinkat(in.fd, name.c_str(), AT_REMOVEDIR) == 0) {
        ++m_progress;
        return true;
    }
    return false;
}

void Remover::folder(const Level& in, const std::string& name, const struct stat& about,
                     const std::string& path) {
    const bool subvolume = may_be_subvolume(about);
    if (at_once(in, name, subvolume)) {
        return;
    }
    if (in.depth >= k_most_depth) {
        // A folder cannot be renamed out of its subvolume (EXDEV), a subvolume can.
        const Level& to = subvolume ? *in.root : *in.base;
        if (&to != &in) {
            // A folder that moves gets another "..", for which it must be writable itself.
            if (!subvolume && (about.st_mode & S_IRWXU) != S_IRWXU) {
                set_mode(in.fd, name.c_str(), about, S_IRWXU, path);
            }
            return hoist(in, to, name, path);
        }
    }
    base::Fd opened = open(in, name, about, path);
    if (!opened.valid()) {
        return unlink(in, name, path);  // something else took its place meanwhile
    }
    Folder entries(std::move(opened), path);
    Level here{entries.fd(), in.depth + 1, in.root, in.base};
    if (in.root == nullptr) {
        here.root = &here;
    }
    if (in.root == nullptr || subvolume) {
        here.base = &here;
    }
    empty(entries, here, in, name, path);
}

base::Fd Remover::open(const Level& in, const std::string& name, const struct stat& about,
                       const std::string& path) {
    const bool closed = (about.st_mode & S_IRWXU) != S_IRWXU;
    base::Fd opened = open_beneath(in.fd, name.c_str(), O_DIRECTORY);
    if (!opened.valid() && errno == EACCES) {
        set_mode(in.fd, name.c_str(), about, S_IRWXU, path);
        opened = open_beneath(in.fd, name.c_str(), O_DIRECTORY);
    }
    if (!opened.valid() && errno != ENOTDIR && errno != ELOOP) {
        fail(errno, "cannot open " + shown(path) + " to remove it", {});
    }
    if (opened.valid() && may_be_subvolume(about)) {
        make_writable(opened.get());  // before its mode, which cannot be set otherwise (EROFS)
    }
    if (opened.valid() && closed && ::fchmod(opened.get(), S_IRWXU) != 0) {
        fail(errno, "cannot set the mode of " + shown(path), {});
    }
    return opened;
}

void Remover::empty(Folder& entries, const Level& here, const Level& in, const std::string& name,
                    const std::string& path) {
    while (::unlinkat(in.fd, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        if (errno != ENOTEMPTY && errno != EEXIST) {
            fail(errno, "cannot remove " + shown(path), {});
        }
        // Again from the start: names may have been moved here, and a listing from which names are
        // removed need not be complete.
        const std::uint64_t before = m_progress;
        entries.rewind();
        while (const char* const next = entries.next()) {
            one(here, next, path + "/" + next);
        }
        if (m_progress == before) {
            fail(ENOTEMPTY, "cannot remove " + shown(path), {});
        }
    }
    ++m_progress;
}

void Remover::hoist(const Level& in, const Level& to, const std::string& name,
                    const std::string& path) {
    for (;;) {
        const std::string above = ".removed-" + std::to_string(m_hoisted++);
        if (::renameat(in.fd, name.c_str(), to.fd, above.c_str()) == 0) {
            ++m_progress;
            return;
        }
        // The name is taken, by an earlier removal that was interrupted or by somebody's file.
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
            fail(errno, "cannot move " + shown(path) + " to remove it", {});
        }
    }
}

}  // namespace ardent::environment::volume

namespace ardent::environment {

void remove_tree(const std::string& path) {
    const volume::Place place = volume::place_of(path);
    volume::Remover().remove(place.folder.get(), place.name, path);
}

}  // namespace ardent::environment
