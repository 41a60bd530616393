// SPDX-License-Identifier: PostgreSQL
// The messages inside COPY BOTH of the streaming replication protocol, and the little of wal2json's
// format version 2 that the agent looks at. Pure; any thread. Source: PostgreSQL documentation,
// "Streaming Replication Protocol"; wal2json.c, pg_decode_begin_txn_v2 and pg_decode_commit_txn_v2:
// every object begins with {"action":"X", B and C carry "nextlsn".
#pragma once

#include "common/model/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ardent::agent {

struct PluginMessage {
    model::Lsn lsn;         // walStart as the server sent it
    std::string_view text;  // points into the message that was parsed
};

struct Keepalive {
    model::Lsn wal_end;
    bool reply_requested = false;
};

using ServerMessage = std::variant<PluginMessage, Keepalive>;

/// Throws base::Error (bug) for a message of another kind or a cut one.
ServerMessage parse_server_message(std::string_view bytes);

/// A standby status update: written, flushed and applied are all `flush`.
/// `clock`: microseconds since 2000-01-01 00:00 UTC.
std::string status_update(model::Lsn flush, std::int64_t clock, bool reply_requested);

/// Now, as status_update wants it.
std::int64_t replication_clock();

/// 'B', 'C', 'I', 'U', 'D', 'T' or 'M'. Throws base::Error (source) when the text is not format
/// version 2.
char action_of(std::string_view text);

/// "nextlsn" of a commit message. Throws base::Error (source) when it has none.
model::Lsn commit_end_of(std::string_view text);

/// The plugin has a change that it cannot express and leaves out, saying only this WARNING
/// (invariant 8). The text of the table, "schema"."table"; nullopt for any other notice.
std::optional<std::string> table_left_out(std::string_view warning);

}  // namespace ardent::agent
