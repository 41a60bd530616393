// SPDX-License-Identifier: PostgreSQL
#include "environment/door/start_packet.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <cstdint>

namespace ardent::environment {

namespace {

// Numbers that no protocol version has, because versions are major << 16 | minor (pqcomm.h).
constexpr std::uint32_t k_cancel = 80877102;
constexpr std::uint32_t k_ssl = 80877103;
constexpr std::uint32_t k_gss = 80877104;
constexpr std::uint32_t k_protocol_3 = 3;
constexpr unsigned k_major_bits = 16;

constexpr std::size_t k_length_bytes = 4;
constexpr std::size_t k_head_bytes = 8;
constexpr std::size_t k_text_bytes = 1000;

// The first byte of a TLS record with a handshake: sslnegotiation=direct of libpq 17. A start
// packet begins with the first byte of its length, which is 0.
constexpr char k_tls_handshake = 0x16;

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = at; i < at + k_length_bytes; ++i) {
        number = number << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return number;
}

std::string number_bytes(std::size_t number) {
    std::string bytes;
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        bytes += static_cast<char>(number >> (shift - 8U) & 0xffU);
    }
    return bytes;
}

// At most this long, and no character cut apart.
std::string shown_text(std::string_view text) {
    constexpr unsigned k_kind_bits = 0xc0;
    constexpr unsigned k_continues = 0x80;
    std::string shown = base::printable(text);
    std::size_t size = std::min(shown.size(), k_text_bytes);
    while (size > 0 && size < shown.size() &&
           (static_cast<unsigned char>(shown[size]) & k_kind_bits) == k_continues) {
        --size;
    }
    shown.resize(size);
    return shown;
}

void add_field(std::string& body, char name, std::string_view value) {
    body += name;
    body += value;
    body += '\0';
}

}  // namespace

StartKind start_kind(std::string_view bytes) {
    if (!bytes.empty() && bytes.front() == k_tls_handshake) {
        return StartKind::unreadable;
    }
    if (bytes.size() >= k_length_bytes) {
        const std::uint32_t length = number_at(bytes, 0);
        if (length < k_head_bytes || length > k_start_packet_bytes) {
            return StartKind::malformed;
        }
    }
    if (bytes.size() < k_head_bytes) {
        return StartKind::incomplete;
    }
    const std::uint32_t code = number_at(bytes, k_length_bytes);
    if (code == k_cancel) {
        return StartKind::cancel;
    }
    if (code != k_ssl && code != k_gss && code >> k_major_bits == k_protocol_3) {
        return StartKind::plain;
    }
    return StartKind::unreadable;
}

std::string error_response(std::string_view sqlstate, std::string_view text) {
    std::string body;
    add_field(body, 'S', "FATAL");
    add_field(body, 'V', "FATAL");  // never translated, since 9.6
    add_field(body, 'C', sqlstate);
    add_field(body, 'M', shown_text(text));
    body += '\0';
    return "E" + number_bytes(body.size() + k_length_bytes) + body;
}

}  // namespace ardent::environment
