// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <string>

namespace ardent::decode {

namespace {

constexpr std::size_t k_key_digits = 16;
constexpr std::size_t k_hmac_digits = 64;
constexpr std::size_t k_most_version_digits = 9;

bool is_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class Cutter {
public:
    explicit Cutter(std::string_view rest) noexcept : m_rest(rest) {}

    bool literal(std::string_view text) noexcept {
        const bool same = m_rest.starts_with(text);
        m_rest.remove_prefix(same ? text.size() : 0);
        return same;
    }

    std::string_view take(std::size_t length) noexcept {
        const std::string_view part = m_rest.substr(0, length);
        m_rest.remove_prefix(part.size());
        return part;
    }

    std::string_view digits() noexcept {
        return take(std::min(m_rest.find_first_not_of("0123456789"), m_rest.size()));
    }

    std::string_view rest() const noexcept { return m_rest; }

private:
    std::string_view m_rest;
};

}  // namespace

std::optional<DdlEnvelope> open_envelope(std::string_view message) noexcept {
    Cutter cutter(message);
    DdlEnvelope envelope;
    if (!cutter.literal(R"({"version":)")) {
        return std::nullopt;
    }
    envelope.version = cutter.digits();
    if (envelope.version.empty() || envelope.version.size() > k_most_version_digits ||
        envelope.version.front() == '0' || !cutter.literal(R"(,"key":")")) {
        return std::nullopt;
    }
    envelope.key = cutter.take(k_key_digits);
    if (envelope.key.size() != k_key_digits || !is_hex(envelope.key) ||
        !cutter.literal(R"(","hmac":")")) {
        return std::nullopt;
    }
    envelope.hmac = cutter.take(k_hmac_digits);
    if (envelope.hmac.size() != k_hmac_digits || !is_hex(envelope.hmac) ||
        !cutter.literal(R"(","body":)")) {
        return std::nullopt;
    }
    const std::string_view rest = cutter.rest();
    if (rest.size() < 3 || rest.front() != '{' || !rest.ends_with("}}")) {
        return std::nullopt;
    }
    envelope.body = rest.substr(0, rest.size() - 1);
    return envelope;
}

bool is_signed(const DdlEnvelope& envelope, std::string_view key) {
    std::string bytes = std::string(k_ddl_prefix) + "\n" + std::string(envelope.version) + "\n" +
                        std::string(envelope.key) + "\n";
    bytes += envelope.body;
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code.data(),
             &length) == nullptr) {
        return false;
    }
    const std::string hex = base::to_hex({reinterpret_cast<const char*>(code.data()), length});
    return hex.size() == envelope.hmac.size() &&
           CRYPTO_memcmp(hex.data(), envelope.hmac.data(), hex.size()) == 0;
}

}  // namespace ardent::decode
