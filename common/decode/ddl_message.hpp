// SPDX-License-Identifier: PostgreSQL
// The DDL message, version 1 (docs/ddl.md): its signature and its body; common/ddl/envelope.hpp
// takes it apart. Pure; any thread.
#pragma once

#include "common/ddl/envelope.hpp"
#include "common/model/ddl.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ardent::decode {

/// Is the code that of the envelope under this key (its bytes)? The time does not depend on where
/// it differs.
bool is_signed(const ddl::Envelope& envelope, std::string_view key);

/// The 32 bytes of a key that is told as 64 hex digits; nothing for any other text.
std::optional<std::string> key_bytes(std::string_view hex);

/// The prefix of the messages that are signed with this key (its bytes).
std::string prefix_of(std::string_view key);

/// Those of several keys (id to hex digits).
std::set<std::string> prefixes_of(const std::map<std::string, std::string>& keys);

/// Reads a body that is signed. Unknown fields are passed over. Throws base::Error (replica) that
/// names what does not fit. `server_encoding` as pg_encoding_to_char prints it; texts come out as
/// the bytes that went in.
model::DdlStatement parse_ddl(std::string_view body, std::string_view server_encoding);

/// One definition of `tables`, by itself.
model::DdlTable parse_ddl_table(std::string_view text, std::string_view server_encoding);

}  // namespace ardent::decode
