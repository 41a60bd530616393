// SPDX-License-Identifier: PostgreSQL
// Is the session that answers a session of the server, and ours? A pooler lends sessions: settings
// sent at the start of a connection do not reach them, and most poolers cannot carry replication.
// Two signs tell: a setting with a random value is sent in the startup packet and asked back, and
// the process number that the client was told is compared with the server's own. A proxy that hands
// one whole session through (and only replaces the cancel key) keeps the first and fails the
// second: it is no pooler.
#pragma once

#include "common/pq/connection.hpp"

#include <string>
#include <string_view>

namespace ardent::pq {

inline constexpr const char* k_session_mark = "ardent_session.mark";

/// Ends every message about a pooler.
inline constexpr const char* k_connect_directly =
    "Connect directly to the server's own port (usually 5432), never to the pooler's: replication "
    "and the settings of a session do not pass a pooler.";

/// A value for k_session_mark in ConnectOptions::settings, another one at each call.
std::string new_session_mark();

struct Between {
    enum class What { nothing, proxy, pooler } what = What::nothing;
    std::string evidence;
};

/// `connection` was opened with `mark` in its settings and is idle; a walsender of a database will
/// do. Throws what exec throws: the console of a pooler, for one, takes no SQL.
Between look_between(Connection& connection, const std::string& mark);

/// A server never says this: poolers refuse what they do not know in the startup packet.
bool is_pooler_refusal(std::string_view connect_error) noexcept;

/// A connection that no pooler answers; otherwise throws base::Error of `options.kind`.
Connection connect_directly(ConnectOptions options);

}  // namespace ardent::pq
