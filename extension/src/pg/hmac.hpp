// SPDX-License-Identifier: PostgreSQL
// HMAC-SHA-256 (RFC 2104) by OpenSSL, which the server has loaded anyway. The context of a key
// lasts as long as the backend: the server's own pg_hmac_create() looks the algorithm up for each
// message, which takes many times as long as hashing one.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace ardent::ext::pg {

inline constexpr std::size_t k_key_bytes = 32;
inline constexpr std::size_t k_hmac_bytes = 32;
using KeyBytes = std::array<unsigned char, k_key_bytes>;
using Hmac = std::array<unsigned char, k_hmac_bytes>;

/// Of the parts one after the other. May raise a server error; holds nothing to destroy.
void hmac_sha256(const KeyBytes& key, std::initializer_list<std::string_view> parts, Hmac& code);

}  // namespace ardent::ext::pg
