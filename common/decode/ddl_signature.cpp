// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>

namespace ardent::decode {

bool is_signed(const ddl::Envelope& envelope, std::string_view key) {
    std::string bytes = ddl::signed_head(envelope.version, envelope.key_id);
    bytes += envelope.body;
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code.data(),
             &length) == nullptr) {
        return false;
    }
    const std::string hex = base::to_hex({reinterpret_cast<const char*>(code.data()), length});
    return hex.size() == envelope.code.size() &&
           CRYPTO_memcmp(hex.data(), envelope.code.data(), hex.size()) == 0;
}

}  // namespace ardent::decode
