// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>

namespace ardent::decode {

namespace {

constexpr std::size_t k_key_bytes = 32;

/// HMAC-SHA-256 in lower-case hex; empty when OpenSSL could not.
std::string code_of(std::string_view key, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code.data(),
             &length) == nullptr) {
        return {};
    }
    return base::to_hex({reinterpret_cast<const char*>(code.data()), length});
}

}  // namespace

bool is_signed(const ddl::Envelope& envelope, std::string_view key) {
    std::string bytes = ddl::signed_head(envelope.version, envelope.key_id);
    bytes += envelope.body;
    const std::string hex = code_of(key, bytes);
    return hex.size() == envelope.code.size() &&
           CRYPTO_memcmp(hex.data(), envelope.code.data(), hex.size()) == 0;
}

std::optional<std::string> key_bytes(std::string_view hex) {
    std::array<unsigned char, k_key_bytes> bytes{};
    if (!base::from_hex(hex, bytes.data(), bytes.size())) {
        return std::nullopt;
    }
    return std::string(bytes.begin(), bytes.end());
}

std::set<std::string> prefixes_of(const std::map<std::string, std::string>& keys) {
    std::set<std::string> prefixes;
    for (const auto& [id, hex] : keys) {
        if (const auto bytes = key_bytes(hex)) {
            prefixes.insert(prefix_of(*bytes));
        }
    }
    return prefixes;
}

std::string prefix_of(std::string_view key) {
    return ddl::message_prefix(code_of(key, ddl::k_prefix_label));
}

}  // namespace ardent::decode
