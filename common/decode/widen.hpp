// SPDX-License-Identifier: PostgreSQL
// JSON readers insist on UTF-8: bytes of another encoding travel through them as if they were
// LATIN1. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::decode {

/// Appends each byte above 0x7F as the two UTF-8 bytes of the LATIN1 character.
void widen(std::string_view bytes, std::string& text);

/// Takes it back in place; how many bytes are left, or nullopt for a character that is no LATIN1.
std::optional<std::size_t> narrow(char* text, std::size_t size) noexcept;

}  // namespace ardent::decode
