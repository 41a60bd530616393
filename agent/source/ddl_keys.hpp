// SPDX-License-Identifier: PostgreSQL
// What the environment needs of the source to replay DDL (docs/ddl.md): keys, positions, and tables with where they
// were read. Functions on the caller's connection and thread; they throw as Connection::exec.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"

#include <string>
#include <vector>

namespace ardent::agent {

/// No key when capture never was on, or the extension is not there.
protocol::DdlSource read_ddl_source(pq::Connection& connection);

/// Tables and types as pq::read_definitions, between a snapshot and a position.
protocol::SchemaReport read_schema_report(pq::Connection& connection, const std::string& session,
                                          const std::vector<std::string>& schemas,
                                          const std::vector<model::RelationName>& excluded);

}  // namespace ardent::agent
