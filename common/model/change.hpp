// SPDX-License-Identifier: PostgreSQL
// One message of the source's output plugin, read. The texts are views into the message or the
// decoder that made the Change, and live until it reads the next message. Bytes are in the source
// server's encoding.
#pragma once

#include "common/model/lsn.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ardent::model {

/// Of the messages that an agent writes so that an idle stream moves.
inline constexpr const char* k_heartbeat_prefix = "ardent.heartbeat";

enum class Action : char {
    begin = 'B',
    commit = 'C',
    insert = 'I',
    update = 'U',
    remove = 'D',
    truncate = 'T',
    message = 'M'
};

enum class ValueKind : std::uint8_t { null, number, boolean, text };

struct ColumnValue {
    std::string_view name;
    /// The text the source prints, with two exceptions of wal2json 2.5 that only a table's
    /// definition can mend: a bytea lacks its leading \x, and NaN and infinities of float and
    /// numeric are null. A number is its characters, unchanged; a boolean is true or false; empty
    /// for null.
    std::string_view text;
    ValueKind kind = ValueKind::null;
};

struct Change {
    Action action = Action::begin;
    Lsn lsn;  // where the record begins in the WAL; rows of one COPY share one
    std::string_view schema;
    std::string_view table;
    /// Insert, update: the new row. A column that is absent is an unchanged TOAST value, never
    /// NULL.
    std::vector<ColumnValue> columns;
    /// Update, delete: the old values of the replica identity (REPLICA IDENTITY FULL: of the whole
    /// row).
    std::vector<ColumnValue> identity;
    Lsn commit_end;                     // begin, commit: where the commit record ends
    std::string_view commit_timestamp;  // begin, commit; as timestamptz prints it
    std::uint32_t xid = 0;              // of the top transaction, without its epoch; 0: not said
    std::string_view prefix;            // message
    std::string_view content;           // message
    bool transactional = false;         // message
};

}  // namespace ardent::model
