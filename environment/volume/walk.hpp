// SPDX-License-Identifier: PostgreSQL
// The one way in which this room goes through a tree: bounded, beneath the root, on one file
// system. Private to environment/volume.
#pragma once

#include "environment/volume/beneath.hpp"
#include "environment/volume/volume.hpp"

#include <memory>
#include <string>

namespace ardent::environment::volume {

/// One name in a tree. `folder` may be kept beyond the walk, to open the name from another thread.
struct Entry {
    const std::shared_ptr<Folder>& folder;
    const char* name;
    const std::string& path;  // relative to the root
    const struct stat& about;
};

/// What is done at each name. Called by the thread that walks; whatever it throws ends the walk.
class Visitor {
public:
    virtual ~Visitor() = default;
    /// A regular file, as far as fstatat said: whoever opens it looks again.
    virtual void file(const Entry& entry) = 0;
    virtual void link(const Entry& entry) = 0;
    /// FIFO, socket, device, or a folder of another file system or subvolume.
    virtual void other(const Entry& entry) = 0;
    virtual void left_out(const Entry&) {}
    /// Before a folder is opened.
    virtual void approach(const Entry&) {}
    /// Between these two come the folder's entries.
    virtual void enter(const Entry&) {}
    virtual void leave() {}
};

/// Throws base::Error (replica) beyond `limits` and for what cannot be read. What vanishes is
/// passed over.
void walk(base::Fd root, const LeaveOut& leave_out, const TreeLimits& limits, Visitor& visitor);

/// Adds a link's path; for visitors.
void add_link(Contents& contents, const std::string& path);

/// Two sizes, either of which a hostile tree may have made as large as it likes.
std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) noexcept;

}  // namespace ardent::environment::volume
