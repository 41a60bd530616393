// SPDX-License-Identifier: PostgreSQL
// What may be told of a server's error: errors go into logs, the status and the environment's
// state, where no value of a row belongs. Told are the SQLSTATE, the primary message, and which
// table, column and constraint; not the values that stand in a message ("invalid input syntax for
// type integer: …"), nor the detail and the context of errors about data ("Failing row contains …",
// "Key (a)=(…) already exists", "COPY t, line 1, column a: …"), nor what code in the database
// raised in its own words, which may be anything. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ardent::pq {

/// The fields of an error report (libpq's PG_DIAG_…); empty where the server does not say.
struct ServerError {
    std::string sqlstate;
    std::string primary;
    std::string detail;
    std::string hint;
    std::string context;
    std::string schema;
    std::string table;
    std::string column;
    std::string constraint;
    std::string source_file;  // of the server, whatever its language is
    std::string source_function;

    /// One line.
    std::string message() const;
    /// The server's advice; empty where code of the database gives it.
    std::string advice() const;
};

/// What a PostgreSQL program such as pg_restore wrote on its standard error, by the same rules: it
/// asks for no SQLSTATE, so the words of the server (lc_messages = C) decide.
std::string without_values(std::string_view said);

}  // namespace ardent::pq
