// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/volume.hpp"

#include "common/base/error.hpp"
#include "environment/volume/beneath.hpp"
#include "environment/volume/btrfs.hpp"
#include "environment/volume/clone_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace ardent::environment {

using namespace volume;  // what this room keeps to itself

using base::Error;

namespace {

constexpr const char* k_trial = ".ardent-clone-trial";
constexpr std::size_t k_size =
    std::size_t{256} * 1024;  // more than Btrfs keeps inline, whole blocks everywhere

/// Why not; empty when it worked.
using Refusal = std::optional<std::string>;

/// The reason of a refusal, or an exception for an errno that says nothing of the method.
Refusal refusal(const char* call, int error, const std::string& folder) {
    constexpr std::array k_not_here = {ENOTTY, EOPNOTSUPP, EXDEV, EINVAL, ENOSYS, EPERM, EACCES};
    if (std::find(k_not_here.begin(), k_not_here.end(), error) == k_not_here.end()) {
        fail(error, std::string("the trial of cloning failed at ") + call, {folder});
    }
    return std::string(call) + ": " + std::strerror(error);
}

std::string pattern() {
    std::string bytes(k_size, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>(i * 31 + i / 4096);
    }
    return bytes;
}

base::Fd open_file(const std::string& path, int flags) {
    base::Fd file(::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.valid()) {
        fail(errno, "cannot open " + shown(path), {path});
    }
    return file;
}

void write_file(const std::string& path, const std::string& folder) {
    const std::string bytes = pattern();
    const base::Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written != static_cast<ssize_t>(bytes.size())) {
        fail(written < 0 ? errno : ENOSPC, "cannot write " + shown(path), {folder});
    }
}

/// A file system that answers "done" and clones something else must not be believed.
Refusal compared(const std::string& path) {
    std::string bytes(k_size + 1, '\0');
    const base::Fd file = open_file(path, O_RDONLY);
    const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return bytes == pattern() ? Refusal() : Refusal("the clone's bytes are not the source's");
}

Refusal try_snapshot(const std::string& trial) {
    const base::Fd folder = open_root(trial);
    if (const int error = create_subvolume(folder.get(), "tree")) {
        return refusal("BTRFS_IOC_SUBVOL_CREATE_V2", error, trial);
    }
    write_file(trial + "/tree/file", trial);
    const base::Fd tree = open_root(trial + "/tree");
    if (const int error = snapshot_subvolume(tree.get(), folder.get(), "clone")) {
        return refusal("BTRFS_IOC_SNAP_CREATE_V2", error, trial);
    }
    return compared(trial + "/clone/file");
}

Refusal try_reflink(const std::string& trial) {
    write_file(trial + "/file", trial);
    const base::Fd from = open_file(trial + "/file", O_RDONLY);
    const base::Fd to = open_file(trial + "/clone-of-file", O_WRONLY | O_CREAT | O_EXCL);
    if (const int error = reflink(to.get(), from.get())) {
        return refusal("FICLONE", error, trial);
    }
    return compared(trial + "/clone-of-file");
}

ProvenMethod try_all(const std::string& trial) {
    ProvenMethod proven;
    const Refusal no_snapshot = try_snapshot(trial);
    if (!no_snapshot) {
        proven.method = CloneMethod::btrfs;
        return proven;
    }
    proven.refused.push_back("snapshot: " + *no_snapshot);
    const Refusal no_reflink = try_reflink(trial);
    if (!no_reflink) {
        proven.method = CloneMethod::reflink;
        return proven;
    }
    proven.refused.push_back("reflink: " + *no_reflink);
    return proven;
}

}  // namespace

const char* to_string(CloneMethod method) noexcept {
    switch (method) {
    case CloneMethod::btrfs:
        return "snapshot";
    case CloneMethod::reflink:
        return "reflink";
    case CloneMethod::copy:
        break;
    }
    return "copy";
}

ProvenMethod prove_clone_method(const std::string& folder) {
    const std::string trial = folder + "/" + k_trial;
    remove_tree(trial);  // of a trial that was killed
    make_tree(CloneMethod::copy, trial);
    ProvenMethod proven;
    try {
        proven = try_all(trial);
    } catch (...) {
        try {
            remove_tree(trial);
        } catch (const Error&) {  // the next trial removes it
        }
        throw;
    }
    // Also a part of the trial: a method whose trees cannot be removed again is none.
    remove_tree(trial);
    return proven;
}

}  // namespace ardent::environment
