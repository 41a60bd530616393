// SPDX-License-Identifier: PostgreSQL
// Statements whose rows nobody wants. One thread, the connection's.
#pragma once

#include "common/pq/connection.hpp"

#include <functional>
#include <optional>
#include <string>

namespace ardent::pq {

/// One simple query whose rows are thrown away as they come, whatever their number. The result as
/// libpq has it, also an error, which `Connection::check` throws; that of a COPY as it begins.
/// `go_on` is asked ten times a second and at each row; when it says no the query is cancelled:
/// nullopt. After that and after a COPY the connection is of no more use. Throws base::Error when
/// the connection breaks. The query's text is in no error.
std::optional<Result> exec_discarding(Connection& connection, const std::string& sql,
                                      const std::function<bool()>& go_on);

}  // namespace ardent::pq
