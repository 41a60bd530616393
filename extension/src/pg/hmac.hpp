// SPDX-License-Identifier: PostgreSQL
// HMAC-SHA-256 with the server's own functions.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::pg {

inline constexpr std::size_t k_hmac_bytes = 32;

struct Bytes {
    const char* data;
    std::size_t size;
};

/// Of `head` followed by `body`. May raise a server error; holds nothing to destroy.
void hmac_sha256(const unsigned char* key, std::size_t key_size, Bytes head, Bytes body,
                 unsigned char* code);

}  // namespace ardent::ext::pg
