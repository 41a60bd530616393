// SPDX-License-Identifier: PostgreSQL
// How deep a JSON text is nested, told before a value is made of it: what writes, copies or walks
// such a value calls itself once a level, and a text of a few kilobytes could use up a thread's
// stack. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace ardent::base {

/// Deeper than anything that we or PostgreSQL write.
inline constexpr std::size_t k_json_depth = 64;

/// No object or list stands in more than `limit` others, itself counted. Of a text that is no JSON
/// nothing else is said.
bool json_depth_within(std::string_view text, std::size_t limit) noexcept;

}  // namespace ardent::base
