// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace ardent::base {

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string result;
    for (const std::string& part : parts) {
        if (&part != &parts.front()) {
            result += separator;
        }
        result += part;
    }
    return result;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(at + 1);
    }
}

std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view k_space = " \t\r\n\f\v";
    const std::size_t first = text.find_first_not_of(k_space);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(k_space) - first + 1);
}

std::string one_line(std::string_view text) {
    std::string line(trim(text));
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string result;
    result.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        result += k_digits[byte >> 4U];
        result += k_digits[byte & 15U];
    }
    return result;
}

bool from_hex(std::string_view hex, unsigned char* bytes, std::size_t count) noexcept {
    constexpr std::string_view k_digits = "0123456789abcdef";
    if (hex.size() != 2 * count || hex.find_first_not_of(k_digits) != hex.npos) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = static_cast<unsigned char>(k_digits.find(hex[2 * i]) * 16 +
                                              k_digits.find(hex[2 * i + 1]));
    }
    return true;
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> k_units = {"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024.0 && unit + 1 < k_units.size()) {
        value /= 1024.0;
        ++unit;
    }
    std::array<char, 32> text{};
    const char* format = (unit == 0 || value >= 10.0) ? "%.0f %s" : "%.1f %s";
    std::snprintf(text.data(), text.size(), format, value, k_units.at(unit));
    return text.data();
}

std::string clip_utf8(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return std::string(text);
    }
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return std::string(text.substr(0, end)) + "...";
}

namespace {

struct Utf8Lead {
    int continuation;
    unsigned low;  // smallest code point that may be written with this many bytes
};

Utf8Lead lead_of(unsigned char byte) noexcept {
    if (byte < 0x80U) {
        return {0, 0};
    }
    if ((byte & 0xE0U) == 0xC0U) {
        return {1, 0x80};
    }
    if ((byte & 0xF0U) == 0xE0U) {
        return {2, 0x800};
    }
    if ((byte & 0xF8U) == 0xF0U) {
        return {3, 0x10000};
    }
    return {-1, 0};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const Utf8Lead lead = lead_of(first);
        if (lead.continuation < 0 ||
            i + static_cast<std::size_t>(lead.continuation) >= text.size()) {
            return false;
        }
        unsigned code = lead.continuation == 0 ? first : first & (0x3FU >> lead.continuation);
        for (int k = 1; k <= lead.continuation; ++k) {
            const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
            if ((next & 0xC0U) != 0x80U) {
                return false;
            }
            code = (code << 6U) | (next & 0x3FU);
        }
        if (code < lead.low || code > 0x10FFFFU || (code >= 0xD800U && code <= 0xDFFFU)) {
            return false;
        }
        i += static_cast<std::size_t>(lead.continuation) + 1;
    }
    return true;
}

namespace {

bool drives(unsigned code) noexcept {
    return (code < 0x20U && code != '\n' && code != '\t') || (code >= 0x7FU && code <= 0x9FU) ||
           code == 0x2028U || code == 0x2029U ||    // separators of lines and paragraphs
           (code >= 0x202AU && code <= 0x202EU) ||  // embeddings and overrides
           (code >= 0x2066U && code <= 0x2069U);    // isolates
}

/// Of well-formed UTF-8 with this first byte: the code point and the bytes that it takes.
std::pair<unsigned, std::size_t> code_at(std::string_view text, std::size_t at) noexcept {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto more = static_cast<std::size_t>(lead_of(first).continuation);
    unsigned code = more == 0 ? first : first & (0x3FU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
        code = (code << 6U) | (static_cast<unsigned char>(text[at + k]) & 0x3FU);
    }
    return {code, more + 1};
}

}  // namespace

std::string printable(std::string_view text) {
    const bool utf8 = is_utf8(text);
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto [code, length] =
            utf8 ? code_at(text, i)
                 : std::pair<unsigned, std::size_t>{static_cast<unsigned char>(text[i]), 1};
        if (!drives(code)) {
            result += text.substr(i, length);
        } else if (utf8 || code < 0x80U) {
            const std::array<char, 2> bytes = {static_cast<char>(code >> 8U),
                                               static_cast<char>(code & 0xFFU)};
            result += "\\u" + to_hex({bytes.data(), bytes.size()});
        } else {
            result += "\\x" + to_hex(text.substr(i, 1));
        }
        i += length;
    }
    return result;
}

}  // namespace ardent::base
