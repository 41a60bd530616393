// SPDX-License-Identifier: PostgreSQL
// How deep a JSON text is nested, told before anything is built from it. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace ardent::protocol {

/// No message of ours is half as deep.
inline constexpr std::size_t k_most_depth = 64;

/// Counts brackets and braces outside of strings; what is no JSON has some depth, too.
bool is_deeper_than(std::string_view text, std::size_t depth) noexcept;

}  // namespace ardent::protocol
