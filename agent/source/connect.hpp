// SPDX-License-Identifier: PostgreSQL
// Connections to the source. The password is read from its file at every call and goes to libpq as
// a parameter: it is in no environment, file or log of ours. Any thread; the Connection is the
// caller's.
#pragma once

#include "agent/config/settings.hpp"
#include "common/pq/connection.hpp"

namespace ardent::agent {

/// An ordinary session in UTF-8 with exact text settings, never through a pooler. Throws
/// base::Error: transient when the server cannot be reached or the password file cannot be read.
pq::Connection connect_sql(const SourceSettings& source, const std::string& purpose);

/// The same, but for search_path, which is what server, database and role give a session.
pq::Connection connect_with_own_path(const SourceSettings& source, const std::string& purpose);

/// A walsender of the database (replication=database) with this application_name. Its settings
/// decide what the output plugin prints.
pq::Connection connect_replication(const SourceSettings& source,
                                   const std::string& application_name);

/// The settings with the one host and port that `connection` reached: what belongs together asks
/// one server, also when source.host names several.
SourceSettings at_server_of(const SourceSettings& source, const pq::Connection& connection);

}  // namespace ardent::agent
