// SPDX-License-Identifier: PostgreSQL
// The room on the file system that branches share with the replicas and the environment's state. No
// branch is made below `branch.reserve`; below the low-water mark, half of it, what grows has to
// stop: the replicas need the rest.
//
// Any thread; keeps no state, a look is one statvfs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ardent::environment {

class DiskRoom {
public:
    /// `reserve` of 0: there is always room.
    DiskRoom(std::string folder, std::uint64_t reserve);

    std::uint64_t free() const;
    std::uint64_t reserve() const noexcept { return m_reserve; }
    std::uint64_t low_water() const noexcept { return m_reserve / 2; }

    /// Throws base::Error (transient) below the low-water mark: whoever writes more would take the
    /// replicas' room.
    void check() const;
    /// `error`, and that it is the disk where it is.
    std::string explain(std::string_view error) const;

private:
    std::string m_folder;
    std::uint64_t m_reserve;
};

/// "600 MB left, and branches are made down to 1024 MB (branch.reserve)"
std::string told_room(std::uint64_t free, std::uint64_t reserve);

}  // namespace ardent::environment
