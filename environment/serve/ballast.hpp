// SPDX-License-Identifier: PostgreSQL
// A file that is there to be removed: where the disk is full, it is room for the state's server to
// come up in, and so for the deletion of branches, which makes more.
//
// Why: a PostgreSQL server does not start at 0 bytes free (it writes postmaster.pid, ends its
// recovery with a checkpoint and may need another WAL segment), nor can the way of cloning be
// tried; so an environment whose disk was filled could not be started to delete what fills it.
// While it runs, deletions need no room: their files go before anything is stored (Branch::remove).
//
// One thread. Errors are logged, never thrown: without ballast everything else works.
#pragma once

#include <cstdint>
#include <string>

namespace ardent::environment {

/// Two WAL segments of 16 MB, and as much for files of a recovery's checkpoint and of the trial
/// clone.
inline constexpr std::uint64_t k_ballast_bytes = std::uint64_t{64} << 20U;

class Ballast {
public:
    explicit Ballast(const std::string& data_dir)
        : m_path(data_dir + "/ballast"), m_folder(data_dir) {}

    /// Removes the file when less than its size is free.
    void let_go_if_full() const;
    /// Makes it where there is none and four times its size is free.
    void make_if_room() const;

private:
    std::string m_path;
    std::string m_folder;
};

}  // namespace ardent::environment
