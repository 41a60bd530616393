// SPDX-License-Identifier: PostgreSQL
// Small text helpers without domain. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::base {

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Splits at every `separator`; an empty text gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);

/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text) noexcept;

/// Trimmed, with a space for each line feed.
std::string one_line(std::string_view text);

std::string to_hex(std::string_view bytes);

/// Exactly `count` bytes from lower-case hex digits into `bytes`; false when `hex` is anything
/// else.
bool from_hex(std::string_view hex, unsigned char* bytes, std::size_t count) noexcept;

/// "512 B", "1.4 kB", "16 MB", "2.1 GB": for people. Units are powers of 1024, as PostgreSQL's.
std::string human_bytes(std::uint64_t bytes);

/// Cuts at `limit` bytes on a UTF-8 border and appends "..." when something was cut.
std::string clip_utf8(std::string_view text, std::size_t limit);

/// True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text) noexcept;

/// Text of others, made so that it cannot drive a terminal, end a line of a log, or be read in
/// another order than it stands: control characters (C0 but the line feed and the tab, DEL, C1),
/// the line and paragraph separators, and the characters that embed, override or isolate a
/// direction come out as \u001b. That is JSON's escape, so a JSON text stays the same value. In
/// what is no UTF-8 the bytes 80 to 9F, which are C1 in the ISO 8859 encodings, come out as \x9b.
std::string printable(std::string_view text);

}  // namespace ardent::base
