// SPDX-License-Identifier: PostgreSQL
// What the environment needs of the source to replay DDL (docs/ddl.md): keys, positions, and tables
// with where they were read; and which logical messages a stream asks for. Functions on the
// caller's connection and thread; they throw as Connection::exec.
//
// Messages under a key come only in a stream that asked for its prefix, and what the plugin leaves
// out is gone once a position behind it is confirmed. So that none is: ardent_ddl_capture() holds a
// lock from before it makes a key until after its transaction can be seen, and ends the streams of
// our slots inside that time. A stream that has begun looks at the lock first and at the keys then
// (look_at_keys) before it confirms anything. Either it holds the slot when the source ends the
// streams, and is ended before there is a message, or it began later, and sees the lock or the key.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace ardent::agent {

/// No key when capture never was on, or the extension is not there.
protocol::DdlSource read_ddl_source(pq::Connection& connection);

/// DDL capture as the session was begun with.
struct CaptureSeen {
    std::set<std::string> prefixes;  // of the logical messages that the stream asks for
    bool on = false;
};

/// Why DDL of the database is not captured at this moment; empty when it is. Outside of a
/// transaction.
std::string why_not_capturing(pq::Connection& connection);

enum class KeyLook {
    known,    // all have a prefix that is among the given ones
    more,     // one has not
    changing  // keys are being made: look again when that transaction has ended
};

KeyLook look_at_keys(pq::Connection& connection, const std::set<std::string>& prefixes);

/// Tables and types as pq::read_definitions, between a snapshot and a position.
protocol::SchemaReport read_schema_report(pq::Connection& connection, const std::string& session,
                                          const std::vector<std::string>& schemas,
                                          const std::vector<model::RelationName>& excluded);

}  // namespace ardent::agent
