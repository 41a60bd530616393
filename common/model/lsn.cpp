// SPDX-License-Identifier: PostgreSQL
#include "common/model/lsn.hpp"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>

namespace ardent::model {

std::string to_string(Lsn lsn) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%" PRIX32 "/%" PRIX32,
                  static_cast<std::uint32_t>(lsn.value >> 32U),
                  static_cast<std::uint32_t>(lsn.value));
    return text.data();
}

namespace {

bool parse_half(std::string_view digits, std::uint32_t& value) noexcept {
    if (digits.empty() || digits.size() > 8) {
        return false;
    }
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    return error == std::errc{} && stop == end;
}

}  // namespace

std::optional<Lsn> parse_lsn(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    std::uint32_t high = 0;
    std::uint32_t low = 0;
    if (!parse_half(text.substr(0, slash), high) || !parse_half(text.substr(slash + 1), low)) {
        return std::nullopt;
    }
    return Lsn{(static_cast<std::uint64_t>(high) << 32U) | low};
}

}  // namespace ardent::model
