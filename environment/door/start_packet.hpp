// SPDX-License-Identifier: PostgreSQL
// What a client of a PostgreSQL server sends first, as far as the door must know it to say that a
// branch does not start: pure functions over the protocol of the manual's chapter "Message Flow"
// and "Message Formats".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ardent::environment {

enum class StartKind {
    incomplete,  // fewer bytes than it takes to tell
    plain,       // StartupMessage of protocol 3: an error is read and shown
    cancel,      // CancelRequest: is never answered
    unreadable,  // SSLRequest, GSSENCRequest, TLS at once, another protocol: no error is shown
    malformed    // no client of PostgreSQL's
};

/// The server refuses longer start packets too (MAX_STARTUP_PACKET_LENGTH).
inline constexpr std::size_t k_start_packet_bytes = 10000;

StartKind start_kind(std::string_view bytes);

/// An ErrorResponse: FATAL, this SQLSTATE, the text made printable and cut to a length that every
/// client shows.
std::string error_response(std::string_view sqlstate, std::string_view text);

}  // namespace ardent::environment
