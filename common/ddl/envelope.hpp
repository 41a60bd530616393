// SPDX-License-Identifier: PostgreSQL
// The outer form of a DDL message (docs/ddl.md), its prefix, and the bytes that are signed. Pure;
// any thread. Compiled into the server extension too.
//
// Anybody who may connect may write logical messages, and the output plugin makes JSON of what has
// a prefix that was asked for: of 200 MB of control characters more than the 1 GB that a server can
// hold. So the prefix follows from the key, by a HMAC, and cannot be guessed. The plugin compares
// prefixes before it touches a message, and drops all others.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ardent::ddl {

inline constexpr const char* k_name = "ardent.ddl";  // begins what is signed, and each prefix
/// A prefix is k_name, a dot, and the first hex digits of the code of this under the key.
inline constexpr const char* k_prefix_label = "ardent.ddl\nprefix";
inline constexpr std::size_t k_prefix_digits = 32;
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

/// The prefix of the messages of a key; `code` is that of k_prefix_label under it, in lower-case
/// hex.
std::string message_prefix(std::string_view code);
/// Has it the form of one? Nothing else is asked of the plugin, whoever says so.
bool is_message_prefix(std::string_view text);

/// What stands before the body when it is signed: the code is HMAC-SHA-256 over this and the body.
std::string signed_head(std::string_view version, std::string_view key_id);

}  // namespace ardent::ddl
