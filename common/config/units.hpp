// SPDX-License-Identifier: PostgreSQL
// Texts with units, as a person writes them. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ardent::config {

/// A whole number without anything around it.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// "true", "false", "on", "off", "yes", "no", "1", "0".
std::optional<bool> parse_boolean(std::string_view text) noexcept;

/// "64MB", "1 GB", "4096": units B, kB, MB, GB, TB in any case, powers of 1024 as PostgreSQL's.
std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept;

/// "500ms", "30s", "5min", "1h", "2d"; "0" needs no unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

}  // namespace ardent::config
