// SPDX-License-Identifier: PostgreSQL
#include "environment/volume/volume.hpp"

#include "environment/volume/walk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <limits>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

namespace ardent::environment {

using namespace volume;  // what this room keeps to itself

namespace {

constexpr std::uint64_t k_block = 512;  // the unit of st_blocks
constexpr unsigned k_extents = 256;     // asked for in one call

/// The kernel's request, with the room for its answer behind it.
class Question {
public:
    fiemap& head() { return *reinterpret_cast<fiemap*>(m_bytes.data()); }
    const fiemap_extent& extent(unsigned i) { return head().fm_extents[i]; }

private:
    alignas(fiemap)
        std::array<unsigned char, sizeof(fiemap) + k_extents * sizeof(fiemap_extent)> m_bytes{};
};

/// Nothing is written back first (no FIEMAP_FLAG_SYNC): what waits to be written is an extent of
/// the kind DELALLOC, which is nobody else's. Inline data stands among the file system's records.
std::uint64_t unshared(int fd, const std::string& path) {
    Question question;
    fiemap& head = question.head();
    std::uint64_t own = 0;
    for (;;) {
        head.fm_length = std::numeric_limits<std::uint64_t>::max() - head.fm_start;
        head.fm_extent_count = k_extents;
        if (::ioctl(fd, FS_IOC_FIEMAP, &head) != 0) {
            fail(errno, "cannot ask where " + shown(path) + " lies on disk", {});
        }
        const unsigned count = std::min(head.fm_mapped_extents, k_extents);
        for (unsigned i = 0; i < count; ++i) {
            const fiemap_extent& extent = question.extent(i);
            if ((extent.fe_flags & (FIEMAP_EXTENT_SHARED | FIEMAP_EXTENT_DATA_INLINE)) == 0) {
                own = saturating_sum(own, extent.fe_length);
            }
        }
        if (count == 0) {
            return own;
        }
        const fiemap_extent& last = question.extent(count - 1);
        const std::uint64_t next = last.fe_logical + last.fe_length;
        if ((last.fe_flags & FIEMAP_EXTENT_LAST) != 0 || next <= head.fm_start) {
            return own;
        }
        head.fm_start = next;
    }
}

class Measuring : public Visitor {
public:
    Measuring(bool shares, std::time_t since) : m_shares(shares), m_since(since) {}

    void file(const Entry& entry) override {
        if (entry.about.st_blocks == 0) {
            return;
        }
        base::Fd opened;
        struct stat about {};
        if (m_shares) {
            opened = open_beneath(entry.folder->fd(), entry.name, 0);
        }
        const bool asked =
            opened.valid() && ::fstat(opened.get(), &about) == 0 && S_ISREG(about.st_mode);
        const std::uint64_t bytes =
            asked ? unshared(opened.get(), entry.path)
                  : static_cast<std::uint64_t>(entry.about.st_blocks) * k_block;
        own.all = saturating_sum(own.all, bytes);
        if (entry.about.st_mtim.tv_sec >= m_since) {
            own.written = saturating_sum(own.written, bytes);
        }
    }
    void link(const Entry&) override {}
    void other(const Entry&) override {}

    OwnBytes own;

private:
    bool m_shares;
    std::time_t m_since;
};

}  // namespace

std::uint64_t own_bytes(const std::string& tree, CloneMethod method, const TreeLimits& limits) {
    return own_bytes_since(tree, method, {}, {}, limits).all;
}

OwnBytes own_bytes_since(const std::string& tree, CloneMethod method,
                         std::chrono::system_clock::time_point since, const LeaveOut& leave_out,
                         const TreeLimits& limits) {
    Measuring measuring(method != CloneMethod::copy, std::chrono::system_clock::to_time_t(since));
    walk(open_root(tree), leave_out, limits, measuring);
    return measuring.own;
}

}  // namespace ardent::environment
