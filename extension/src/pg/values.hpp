// SPDX-License-Identifier: PostgreSQL
// Arguments and results of SQL functions as standard types. Server errors come out as PgError.
#pragma once

#include "extension/src/pg/boundary.hpp"
#include "extension/src/pg/compat.hpp"

#include "common/preflight/query_runner.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ardent::ext::pg {

/// nullopt for NULL.
std::optional<std::string> text_argument(FunctionCallInfo call_info, int number);
std::optional<std::string> name_argument(FunctionCallInfo call_info, int number);
bool boolean_argument(FunctionCallInfo call_info, int number);
/// The text form of a jsonb argument.
std::optional<std::string> jsonb_argument(FunctionCallInfo call_info, int number);

Datum text_result(const std::string& text);
/// Parses JSON text in the database's encoding.
Datum jsonb_result(const std::string& text);
/// A set of rows in text form; each cell goes through the input function of its column.
Datum rows_result(FunctionCallInfo call_info, const preflight::Rows& rows);

/// Database and client can both show characters beyond ASCII.
bool speaks_utf8();

/// Bytes free under pg_wal; nullopt when the caller may not know (neither superuser nor
/// pg_monitor).
std::optional<std::string> wal_disk_free();

}  // namespace ardent::ext::pg
