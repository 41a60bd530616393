// SPDX-License-Identifier: PostgreSQL
// A tree of files (the data directory of a PostgreSQL server) that can be cloned, measured and
// removed.
//
// Whose is what: the folder in which trees stand is ours and trusted (mode 0700, nobody else writes
// there). What stands IN a tree is hostile: a superuser inside the contained server may put
// anything there, also while we read. Below a tree's root every name is therefore opened by itself,
// relative to its folder's descriptor and without following a link (beneath.hpp); nothing is read
// as a path. FIFOs, sockets and devices are never opened. Names may hold any bytes.
//
// Any thread; calls for different trees exclude nothing. No state is kept. Everything needs only
// the rights of the trees' owner, never root. All functions throw base::Error: `transient` for a
// full disk, a used-up quota or a cancelled clone, `replica` for a tree that cannot be handled as
// it is, `config` for a folder in which no tree can stand. Paths in messages are made printable.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

enum class CloneMethod {
    btrfs,    // the tree is a subvolume, a clone is its snapshot: atomic, whatever the size
    reflink,  // FICLONE for each file (XFS, Btrfs): blocks are shared, files are cloned one by one
    copy      // bytes are read and written
};

/// The name in JSON and in the status: "snapshot", "reflink", "copy". Static storage.
const char* to_string(CloneMethod method) noexcept;

struct ProvenMethod {
    CloneMethod method = CloneMethod::copy;
    /// Why each better method was refused, in the order of preference: "snapshot: BTRFS_IOC_… :
    /// reason".
    std::vector<std::string> refused;
};

/// Makes, clones, compares and removes a small tree below `folder`, with the best method first, and
/// answers with the first that worked. Only an errno that says "not here" (ENOTTY, EOPNOTSUPP,
/// EXDEV, EINVAL, ENOSYS, EPERM, EACCES) makes it try the next one: a full disk is an error, not a
/// reason to copy from now on. Its files stand in `folder`/.ardent-clone-trial; what a crash left
/// of them is removed at the next call, so one program at a time may try in one folder.
ProvenMethod prove_clone_method(const std::string& folder);

/// True for what shall not be in the clone. `path` is relative to the tree's root, without a slash
/// in front ("pg_wal/0001"); for a folder the answer holds for everything below it. Pure: it may be
/// asked more than once for one path. Asked by the thread that called.
using LeaveOut = std::function<bool(std::string_view path, bool is_folder)>;

/// A tree beyond these is refused: they are far above what PostgreSQL makes, and bound what a
/// hostile tree can cost. One level of depth takes two descriptors.
struct TreeLimits {
    std::size_t depth = 32;            // a file of the root has depth 1
    std::size_t entries = 10'000'000;  // of all kinds, also those left out
};

/// What was found in a tree.
struct Contents {
    std::uint64_t files = 0;          // regular ones, not left out
    std::uint64_t bytes = 0;          // apparent size of these
    std::vector<std::string> links;   // relative paths of symbolic links, at most k_most_links
    std::uint64_t links_in_all = 0;   // none of them is in a clone, nor what they lead to
    std::uint64_t others_in_all = 0;  // FIFOs, sockets, devices, mounts, subvolumes within
};

inline constexpr std::size_t k_most_links = 1000;

/// True for a file whose pages the clone's user reads first: the kernel is told to read them
/// meanwhile (a clone shares blocks on disk with its source, and none of its pages in memory).
/// `path` as for LeaveOut. Asked by the thread that called.
using ReadAhead = std::function<bool(std::string_view path)>;

struct CloneOptions {
    CloneMethod method = CloneMethod::copy;
    unsigned threads = 1;  // for reflink and copy; 0 counts as 1
    LeaveOut leave_out;    // not asked for a snapshot
    ReadAhead read_ahead;  // asked for reflink alone: what was copied is in memory; may be empty
    TreeLimits limits;
    /// Asked before each file and each mebibyte that is copied; false ends the clone with an Error
    /// (transient), and so does what it throws. Not asked during a snapshot. May be empty.
    std::function<bool()> go_on;
    /// Copy only: bytes done of bytes in all, holes included; the last call says that both are
    /// equal. This and `go_on` are called by one thread at a time, not always the same. May be
    /// empty.
    std::function<void(std::uint64_t done, std::uint64_t all)> progress;
};

struct CloneOutcome {
    CloneMethod method = CloneMethod::copy;
    std::chrono::milliseconds took{0};
    Contents contents;  // empty for a snapshot, which walks nothing: clean_clone tells it then
};

/// An empty tree at `path`, which must not exist: for btrfs a subvolume, otherwise a folder; mode
/// 0700.
void make_tree(CloneMethod method, const std::string& path);

/// Makes `target`, which must not exist and stands in a folder of ours, a clone of the tree
/// `source`.
///
/// With `reflink` and `copy`: folders have mode 0700 and files 0600, whatever the source says;
/// owner is whoever runs this; times, attributes and ACLs are not taken along; holes stay holes;
/// hard links become files of their own; links and special files are left out and told in the
/// outcome. A file that vanishes, shrinks or grows meanwhile is no error, because PostgreSQL does
/// that during a backup: it is missing, or has a size that it had meanwhile. A file that cannot be
/// read is an error. Each file is cloned at its own time, and `copy` may see a file half written
/// (pg_control: the caller checks its CRC and copies again): PostgreSQL's backup API must stand
/// around the call.
///
/// With `btrfs`: one moment for the whole tree. What was flushed (fsync, O_DSYNC) before is in it;
/// what was only written may be missing, later writes may be there without earlier ones, as after a
/// power failure. So crash recovery suffices when the server runs with fsync = on, and does not
/// otherwise. Everything that stands in the tree is taken along, modes, links, FIFOs, hard links
/// among each other and all that `leave_out` names (postmaster.pid, slots, temporary files, …): the
/// caller has to call clean_clone before anything else reads the clone.
///
/// The method is never changed here. A file system that refuses one that was proven is an Error
/// that says so. Nothing is made durable: the caller does (syncfs). When it throws, what was made
/// of the target has been removed, as far as that was possible: remove_tree does the rest.
CloneOutcome clone_tree(const std::string& source, const std::string& target,
                        const CloneOptions& options);

/// For a clone that was made by snapshot, before a server runs on it: removes what `leave_out`
/// names, links, special files and the empty folders that stand for subvolumes within; sets modes
/// to 0700 and 0600. What comes back counts what stayed, and links and others that were removed.
/// Not atomic; after an error the clone is to be removed, or the call repeated.
Contents clean_clone(const std::string& clone, const LeaveOut& leave_out,
                     const TreeLimits& limits = {}, const ReadAhead& read_ahead = {});

/// Removes a tree of any method in any state, also half made, deeper than the limits, with folders
/// of mode 0000 and subvolumes within; links are removed, never followed; a mount within is an
/// error. Nothing happens when it is not there. Works at 0 bytes free. Nobody may write in it
/// meanwhile. Only root removes a subvolume within that is both read-only and of mode 0000: its
/// owner cannot open it to change either, so the contained server must not be let make one (ioctl).
/// Interrupted, it goes on when called again. Takes time by the number of files, for a subvolume
/// only where the mount option user_subvol_rm_allowed is missing and we are not root.
void remove_tree(const std::string& path);

/// Bytes on disk that the tree does not share with any other: with `copy` all its blocks. Records
/// of the file system itself are not counted. Not exact while somebody writes, nor for seconds
/// after another tree was removed, because file systems let go of blocks in the background. A file
/// that cannot be opened counts with all its blocks, and each name of a hard link for itself.
std::uint64_t own_bytes(const std::string& tree, CloneMethod method, const TreeLimits& limits = {});

struct OwnBytes {
    std::uint64_t all = 0;
    /// Of them, those in files that were written since. What another tree stopped sharing, because
    /// that one was written, is in `all` alone.
    std::uint64_t written = 0;
};

/// The same without what `leave_out` names, and how much of it the tree's own writing may have
/// made: files whose time of modification is not before `since`.
OwnBytes own_bytes_since(const std::string& tree, CloneMethod method,
                         std::chrono::system_clock::time_point since, const LeaveOut& leave_out,
                         const TreeLimits& limits = {});

/// What an unprivileged user can still write in the file system of `folder`.
std::uint64_t free_bytes(const std::string& folder);

}  // namespace ardent::environment
