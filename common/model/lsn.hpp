// SPDX-License-Identifier: PostgreSQL
// A position in the source's write-ahead log, in the server's own notation. A value; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::model {

struct Lsn {
    std::uint64_t value = 0;

    constexpr auto operator<=>(const Lsn&) const = default;  // NOLINT(modernize-use-nullptr)
    constexpr bool valid() const noexcept { return value != 0; }
};

/// "0/16B3748", as pg_lsn prints it.
std::string to_string(Lsn lsn);

/// Reads what pg_lsn reads: one to eight hex digits, '/', one to eight hex digits, nothing else.
std::optional<Lsn> parse_lsn(std::string_view text) noexcept;

}  // namespace ardent::model
