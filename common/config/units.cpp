// SPDX-License-Identifier: PostgreSQL
#include "common/config/units.hpp"

#include "common/base/text.hpp"

#include <array>
#include <charconv>
#include <cctype>
#include <limits>

namespace ardent::config {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr std::array<Unit, 6> k_byte_units = {{{"", 1},
                                               {"b", 1},
                                               {"kb", 1024},
                                               {"mb", 1024LL * 1024},
                                               {"gb", 1024LL * 1024 * 1024},
                                               {"tb", 1024LL * 1024 * 1024 * 1024}}};

constexpr std::array<Unit, 5> k_time_units = {
    {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

bool same_letters(std::string_view left, std::string_view right) noexcept {
    if (left.size() != right.size()) {
        return false;
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (std::tolower(static_cast<unsigned char>(left[i])) != right[i]) {
            return false;
        }
    }
    return true;
}

template <std::size_t N>
std::optional<std::int64_t> with_unit(std::string_view text,
                                      const std::array<Unit, N>& units) noexcept {
    text = base::trim(text);
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_integer(text.substr(0, digits));
    if (!number) {
        return std::nullopt;
    }
    const std::string_view name = base::trim(text.substr(digits));
    for (const Unit& unit : units) {
        if (same_letters(name, unit.name)) {
            if (*number > std::numeric_limits<std::int64_t>::max() / unit.factor) {
                return std::nullopt;
            }
            return *number * unit.factor;
        }
    }
    return *number == 0 && name.empty() ? number : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    text = base::trim(text);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::optional<bool> parse_boolean(std::string_view text) noexcept {
    text = base::trim(text);
    for (const std::string_view word : {"true", "on", "yes", "1"}) {
        if (same_letters(text, word)) {
            return true;
        }
    }
    for (const std::string_view word : {"false", "off", "no", "0"}) {
        if (same_letters(text, word)) {
            return false;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept {
    const auto value = with_unit(text, k_byte_units);
    return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
    const auto value = with_unit(text, k_time_units);
    return value ? std::optional(std::chrono::milliseconds(*value)) : std::nullopt;
}

}  // namespace ardent::config
