// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/walk.hpp"

#include "common/base/error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <utility>

namespace ardent::environment::volume {

using base::Error;
using base::ErrorKind;

namespace {

class Walk {
public:
    Walk(const LeaveOut& leave_out, const TreeLimits& limits, Visitor& visitor)
        : m_leave_out(leave_out), m_limits(limits), m_visitor(visitor) {}

    void begin(base::Fd root) {
        struct stat about {};
        if (::fstat(root.get(), &about) != 0) {
            fail(errno, "cannot look at the tree's root", {});
        }
        m_device = about.st_dev;
        entries(std::make_shared<Folder>(std::move(root), "the tree's root"), "", 1);
    }

private:
    void entries(const std::shared_ptr<Folder>& folder, const std::string& prefix,
                 std::size_t depth) {
        while (const char* const name = folder->next()) {
            if (++m_seen > m_limits.entries) {
                throw Error(
                    ErrorKind::replica,
                    "the tree has more than " + std::to_string(m_limits.entries) + " entries",
                    "somebody fills the data directory: look into " + shown(prefix));
            }
            const std::string path = prefix + name;
            if (const auto about = look(folder->fd(), name, path)) {
                one({folder, name, path, *about}, depth);
            }
        }
    }

    void one(const Entry& entry, std::size_t depth) {
        const mode_t mode = entry.about.st_mode;
        if (m_leave_out && m_leave_out(entry.path, S_ISDIR(mode))) {
            m_visitor.left_out(entry);
        } else if (S_ISREG(mode)) {
            m_visitor.file(entry);
        } else if (S_ISLNK(mode)) {
            m_visitor.link(entry);
        } else if (S_ISDIR(mode) && entry.about.st_dev == m_device) {
            descend(entry, depth);
        } else {
            m_visitor.other(entry);
        }
    }

    void descend(const Entry& entry, std::size_t depth) {
        if (depth >= m_limits.depth) {
            throw Error(ErrorKind::replica,
                        "the tree is deeper than " + std::to_string(m_limits.depth) + " folders",
                        "PostgreSQL makes none of these: look at " + shown(entry.path));
        }
        m_visitor.approach(entry);
        base::Fd opened = open_beneath(entry.folder->fd(), entry.name, O_DIRECTORY);
        struct stat about {};
        if (!opened.valid()) {
            not_opened(entry, errno);
        } else if (::fstat(opened.get(), &about) != 0 || about.st_dev != m_device) {
            m_visitor.other(entry);  // took the place of what fstatat saw
        } else {
            m_visitor.enter(entry);
            entries(std::make_shared<Folder>(std::move(opened), entry.path), entry.path + "/",
                    depth + 1);
            m_visitor.leave();
        }
    }

    void not_opened(const Entry& entry, int error) {
        if (error == ELOOP || error == ENOTDIR) {
            m_visitor.link(entry);  // took the folder's place after fstatat
        } else if (error == EXDEV) {
            m_visitor.other(entry);
        } else if (error != ENOENT) {
            fail(error, "cannot open " + shown(entry.path), {});
        }
    }

    const LeaveOut& m_leave_out;
    const TreeLimits& m_limits;
    Visitor& m_visitor;
    dev_t m_device = 0;
    std::size_t m_seen = 0;
};

}  // namespace

void walk(base::Fd root, const LeaveOut& leave_out, const TreeLimits& limits, Visitor& visitor) {
    Walk(leave_out, limits, visitor).begin(std::move(root));
}

void add_link(Contents& contents, const std::string& path) {
    ++contents.links_in_all;
    if (contents.links.size() < k_most_links) {
        contents.links.push_back(path);
    }
}

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    return a > most - b ? most : a + b;
}

}  // namespace ardent::environment::volume
