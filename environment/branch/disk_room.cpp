// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/disk_room.hpp"

#include "common/base/error.hpp"
#include "environment/volume/volume.hpp"

#include <utility>

namespace ardent::environment {

namespace {

constexpr unsigned k_mebibyte_bits = 20;
constexpr const char* k_disk = "the disk of the environment is full: it has ";

// strerror's words come through the servers' messages; the room of volumes has its own.
bool is_about_room(std::string_view error) {
    return error.find("No space left on device") != std::string_view::npos ||
           error.find("no space left") != std::string_view::npos ||
           error.find("Disk quota exceeded") != std::string_view::npos;
}

}  // namespace

std::string told_room(std::uint64_t free, std::uint64_t reserve) {
    return std::to_string(free >> k_mebibyte_bits) + " MB left, and branches are made down to " +
           std::to_string(reserve >> k_mebibyte_bits) + " MB (branch.reserve)";
}

DiskRoom::DiskRoom(std::string folder, std::uint64_t reserve)
    : m_folder(std::move(folder)), m_reserve(reserve) {}

std::uint64_t DiskRoom::free() const {
    return free_bytes(m_folder);
}

void DiskRoom::check() const {
    if (const std::uint64_t now = free(); now < low_water()) {
        throw base::Error(base::ErrorKind::transient, k_disk + told_room(now, m_reserve),
                          "Delete a branch, or make room.");
    }
}

std::string DiskRoom::explain(std::string_view error) const {
    if (error.starts_with(k_disk) || (!is_about_room(error) && free() >= low_water())) {
        return std::string(error);
    }
    return k_disk + told_room(free(), m_reserve) + ": " + std::string(error);
}

}  // namespace ardent::environment
