// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/volume.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/volume/btrfs.hpp"
#include "environment/volume/clone_file.hpp"
#include "environment/volume/crew.hpp"
#include "environment/volume/walk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>

namespace ardent::environment {

using namespace volume;  // what this room keeps to itself

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint64_t k_block = 512;  // the unit of st_blocks, whatever the file system's is

/// What a copy will write, before it does.
class Sum : public Visitor {
public:
    void file(const Entry& entry) override {
        apparent = saturating_sum(apparent, static_cast<std::uint64_t>(entry.about.st_size));
        on_disk =
            saturating_sum(on_disk, static_cast<std::uint64_t>(entry.about.st_blocks) * k_block);
    }
    void link(const Entry&) override {}
    void other(const Entry&) override {}

    std::uint64_t apparent = 0;
    std::uint64_t on_disk = 0;
};

/// What all threads of one clone share: the caller's functions, and what has been found.
class Ledger {
public:
    Ledger(const CloneOptions& options, std::uint64_t all) : m_options(options), m_all(all) {}

    void advance(std::uint64_t bytes) {
        const std::lock_guard lock(m_mutex);
        if (m_options.go_on && !m_options.go_on()) {
            throw Error(ErrorKind::transient, "the clone was cancelled");
        }
        m_done = saturating_sum(m_done, bytes);
        report(std::min(m_done, m_all));
    }

    void add(Cloned what, const std::string& path, std::uint64_t size) {
        const std::lock_guard lock(m_mutex);
        if (what == Cloned::whole) {
            ++m_contents.files;
            m_contents.bytes = saturating_sum(m_contents.bytes, size);
        } else if (what == Cloned::link) {
            add_link(m_contents, path);
        } else if (what == Cloned::other) {
            ++m_contents.others_in_all;
        }
    }

    /// Files that vanished or became shorter are not done, but nothing is left to do.
    Contents finish() {
        const std::lock_guard lock(m_mutex);
        report(m_all);
        return std::move(m_contents);
    }

private:
    void report(std::uint64_t done) {
        if (m_options.progress && m_options.method == CloneMethod::copy) {
            m_options.progress(done, m_all);
        }
    }

    const CloneOptions& m_options;
    const std::uint64_t m_all;
    std::mutex m_mutex;
    std::uint64_t m_done = 0;
    Contents m_contents;
};

struct Task {
    std::shared_ptr<Folder> from;
    std::shared_ptr<base::Fd> to;
    std::string name;
    std::string path;
    bool read_ahead = false;
};

/// Makes folders in the thread that walks, and lets the crew make the files.
class FileByFile : public Visitor {
public:
    FileByFile(const CloneOptions& options, const Space& space, base::Fd target, Ledger& ledger)
        : m_options(options),
          m_space(space),
          m_ledger(ledger),
          m_crew(options.threads, [&options, &space, &ledger] {
              return Crew<Task>::Work(
                  [cloner = FileCloner(options.method, space,
                                       [&ledger](std::uint64_t bytes) { ledger.advance(bytes); }),
                   &ledger](Task& task) mutable { work(cloner, ledger, task); });
          }) {
        m_targets.push_back(std::make_shared<base::Fd>(std::move(target)));
    }

    void file(const Entry& entry) override {
        const bool read_ahead = m_options.method == CloneMethod::reflink && m_options.read_ahead &&
                                m_options.read_ahead(entry.path);
        m_crew.hand({entry.folder, m_targets.back(), entry.name, entry.path, read_ahead});
    }
    void link(const Entry& entry) override { m_ledger.add(Cloned::link, entry.path, 0); }
    void other(const Entry& entry) override { m_ledger.add(Cloned::other, entry.path, 0); }

    void enter(const Entry& entry) override {
        const int above = m_targets.back()->get();
        base::Fd made;
        if (::mkdirat(above, entry.name, S_IRWXU) == 0) {
            made = open_beneath(above, entry.name, O_DIRECTORY);
        }
        if (!made.valid()) {
            fail(errno, "cannot make the folder " + shown(entry.path) + " in the clone", m_space);
        }
        m_targets.push_back(std::make_shared<base::Fd>(std::move(made)));
    }
    void leave() override { m_targets.pop_back(); }

    void finish() { m_crew.finish(); }

private:
    static void work(FileCloner& cloner, Ledger& ledger, const Task& task) {
        ledger.advance(0);
        std::uint64_t size = 0;
        const Cloned what =
            cloner.clone(task.from->fd(), task.to->get(), task.name.c_str(), task.path, size);
        ledger.add(what, task.path, size);
        if (task.read_ahead && what == Cloned::whole) {
            begin_to_read(task.to->get(), task.name.c_str());
        }
    }

    const CloneOptions& m_options;
    const Space& m_space;
    Ledger& m_ledger;
    std::vector<std::shared_ptr<base::Fd>> m_targets;  // from the root to where the walk is
    Crew<Task> m_crew;
};

/// What is needed in all; refuses before the first byte when that is not there.
std::uint64_t weigh(const std::string& source, const CloneOptions& options, Space& space) {
    Sum sum;
    walk(open_root(source), options.leave_out, options.limits, sum);
    space.needed = sum.on_disk;
    if (sum.on_disk > free_bytes(space.folder)) {
        fail(ENOSPC, "cannot copy " + shown(source), space);
    }
    return sum.apparent;
}

Contents clone_files(const std::string& source, const std::string& target,
                     const CloneOptions& options, Space space) {
    base::Fd root = open_root(source);
    const std::uint64_t all =
        options.method == CloneMethod::copy ? weigh(source, options, space) : 0;
    make_tree(options.method, target);
    try {
        Ledger ledger(options, all);
        FileByFile cloning(options, space, open_root(target), ledger);
        walk(std::move(root), options.leave_out, options.limits, cloning);
        cloning.finish();
        return ledger.finish();
    } catch (...) {
        try {
            remove_tree(target);
        } catch (const Error&) {  // what ended the clone is what the caller has to know
        }
        throw;
    }
}

void snapshot(const std::string& source, const Place& place) {
    const base::Fd root = open_root(source);
    const int error = snapshot_subvolume(root.get(), place.folder.get(), place.name);
    if (error == EINVAL || error == EXDEV || error == ENOTTY || error == EOPNOTSUPP) {
        throw Error(
            ErrorKind::replica,
            "Btrfs refuses a snapshot of " + shown(source) + " (BTRFS_IOC_SNAP_CREATE_V2: " +
                std::strerror(error) + "), though a trial at the start showed that it can",
            "the tree must be a subvolume, in one file system with the clone; a folder that was "
            "copied there is none");
    }
    if (error != 0) {
        fail(error, "cannot make a snapshot of " + shown(source), {place.path});
    }
    // The root's mode is the source's; the folder around is ours, so nobody came in meanwhile.
    if (::fchmodat(place.folder.get(), place.name.c_str(), S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0) {
        fail(errno, "cannot set the mode of the clone", {place.path});
    }
}

}  // namespace

CloneOutcome clone_tree(const std::string& source, const std::string& target,
                        const CloneOptions& options) {
    const auto begin = std::chrono::steady_clock::now();
    const Place place = place_of(target);
    CloneOutcome outcome;
    outcome.method = options.method;
    if (options.method == CloneMethod::btrfs) {
        snapshot(source, place);
    } else {
        outcome.contents = clone_files(source, target, options, {place.path});
    }
    outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    return outcome;
}

}  // namespace ardent::environment
