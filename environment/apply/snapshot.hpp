// SPDX-License-Identifier: PostgreSQL
// A snapshot as pg_current_snapshot() prints it. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace ardent::apply {

/// Is this "xmin:xmax:xip,xip" with xmin <= each xip < xmax, in rising order?
bool is_snapshot(std::string_view text) noexcept;

/// Does "xmin:xmax:xip,xip" show what this transaction did, given that it was committed? False for
/// text that is none.
bool sees(std::string_view snapshot, std::uint64_t xid) noexcept;

}  // namespace ardent::apply
