// SPDX-License-Identifier: PostgreSQL
// The outer form of a DDL message (docs/ddl.md), and the bytes that are signed. Pure; any thread. Compiled into
// the server extension too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ardent::ddl {

inline constexpr const char* k_prefix = "ardent.ddl";
inline constexpr int k_version = 1;
inline constexpr std::size_t k_key_id_digits = 16;
inline constexpr std::size_t k_code_digits = 64;

/// A message taken apart, nothing of it proven. The views point into the message.
struct Envelope {
    std::string_view version;  // as it is written, digits
    std::string_view key_id;   // k_key_id_digits lower-case hex digits
    std::string_view code;     // k_code_digits lower-case hex digits
    std::string_view body;
};

/// nullopt when the message does not have exactly the form that the extension writes.
std::optional<Envelope> parse_envelope(std::string_view message);

/// What stands before the body when it is signed: the code is HMAC-SHA-256 over this and the body.
std::string signed_head(std::string_view version, std::string_view key_id);

}  // namespace ardent::ddl
