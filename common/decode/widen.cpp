// SPDX-License-Identifier: PostgreSQL
#include "common/decode/widen.hpp"

namespace ardent::decode {

void widen(std::string_view bytes, std::string& text) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0U | (byte >> 6U));
            text += static_cast<char>(0x80U | (byte & 0x3FU));
        }
    }
}

std::optional<std::size_t> narrow(char* text, std::size_t size) noexcept {
    char* out = text;
    for (std::size_t i = 0; i < size; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            *out++ = static_cast<char>(byte);
        } else if ((byte & 0xFEU) != 0xC2U || ++i == size) {
            return std::nullopt;
        } else {
            *out++ =
                static_cast<char>((byte << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU));
        }
    }
    return static_cast<std::size_t>(out - text);
}

}  // namespace ardent::decode
