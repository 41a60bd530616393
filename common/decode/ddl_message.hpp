// SPDX-License-Identifier: PostgreSQL
// The DDL message, version 1 (docs/ddl.md): its outer form, its signature, its body. Pure; any thread.
#pragma once

#include "common/model/ddl.hpp"

#include <optional>
#include <string_view>

namespace ardent::decode {

inline constexpr std::string_view k_ddl_prefix = "ardent.ddl";
inline constexpr std::string_view k_ddl_version = "1";

/// Views into the message.
struct DdlEnvelope {
    std::string_view version;  // decimal digits
    std::string_view key;      // 16 hex digits
    std::string_view hmac;     // 64 hex digits
    std::string_view body;     // from '{' to '}'
};

/// nullopt when the message does not have the one form that ours have, byte for byte.
std::optional<DdlEnvelope> open_envelope(std::string_view message) noexcept;

/// Is the code that of the envelope under this key (its bytes)? The time does not depend on where it differs.
bool is_signed(const DdlEnvelope& envelope, std::string_view key);

/// Reads a body that is signed. Unknown fields are passed over. Throws base::Error (replica) that names what does not
/// fit. `server_encoding` as pg_encoding_to_char prints it; texts come out as the bytes that went in.
model::DdlStatement parse_ddl(std::string_view body, std::string_view server_encoding);

/// One definition of `tables`, by itself.
model::DdlTable parse_ddl_table(std::string_view text, std::string_view server_encoding);

}  // namespace ardent::decode
