// SPDX-License-Identifier: PostgreSQL
#include "environment/state/secrets.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <sodium.h>

#include <array>

namespace ardent::environment {

namespace {

constexpr std::size_t k_token_bytes = 32;

}  // namespace

void init_secrets() {
    if (sodium_init() < 0) {
        throw base::Error(base::ErrorKind::bug, "libsodium does not start");
    }
}

std::string random_hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    randombytes_buf(raw.data(), raw.size());
    return base::to_hex(raw);
}

std::string make_token(std::string_view prefix) {
    return std::string(prefix) + random_hex(k_token_bytes);
}

std::string token_hash(std::string_view token) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    std::string bytes(token);
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size());
    return base::to_hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

bool token_matches(std::string_view token, std::string_view hash) {
    const std::string presented = token_hash(token);
    return presented.size() == hash.size() &&
           sodium_memcmp(presented.data(), hash.data(), presented.size()) == 0;
}

}  // namespace ardent::environment
