// SPDX-License-Identifier: PostgreSQL
// libpq with owners. A Connection belongs to one thread at a time (libpq's rule); Results are free
// values. Errors are base::Error with SQLSTATE: transient when the connection broke or the server's
// SQLSTATE says "try again" (classes 08, 53, 57P0x, 40001, 40P01, 55006), otherwise the kind given
// at connect. What they say of a server's error holds no values of rows (server_error.hpp).
#pragma once

#include "common/base/error.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace ardent::pq {

using Value = std::optional<std::string>;  // text format; nullopt is NULL

/// One server message that is no error.
struct Notice {
    std::string severity;  // not localised: "WARNING", "NOTICE", ...
    std::string sqlstate;
    std::string message;
};

using NoticeHandler = std::function<void(const Notice&)>;

class Result {
public:
    explicit Result(PGresult* result) noexcept : m_result(result) {}

    ExecStatusType status() const noexcept { return PQresultStatus(m_result.get()); }
    int rows() const noexcept { return PQntuples(m_result.get()) + m_rows_without_columns; }
    int columns() const noexcept { return PQnfields(m_result.get()); }
    bool is_null(int row, int column) const noexcept;
    /// Points into the result; empty for NULL.
    std::string_view text(int row, int column) const noexcept;
    Value value(int row, int column) const;
    /// 0 for NULL and for what is no number.
    template <class T>
    T number(int row, int column) const {
        const std::string_view digits = text(row, column);
        T value{};
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }
    /// Rows touched by INSERT, UPDATE, DELETE, COPY without RETURNING; 0 otherwise.
    std::uint64_t affected() const noexcept;
    PGresult* handle() const noexcept { return m_result.get(); }

private:
    friend class Connection;
    struct Clear {
        void operator()(PGresult* result) const noexcept { PQclear(result); }
    };
    std::unique_ptr<PGresult, Clear> m_result;
    int m_rows_without_columns = 0;  // libpq adds rows to a result by their values only
};

struct ConnectOptions {
    /// libpq keywords and values. Later ones win; "dbname" may hold a whole URI or conninfo string.
    std::vector<std::pair<std::string, std::string>> parameters;
    /// What an error is that trying again does not mend.
    base::ErrorKind kind = base::ErrorKind::source;
    /// Stands in every message, for example "source" or "replica shop".
    std::string name;
    /// Settings of the session, sent in the startup packet (options=-c …). Those that not every
    /// supported server knows are set right after connecting, where the server knows them, and
    /// again by reset_settings.
    std::map<std::string, std::string> settings;
    std::chrono::milliseconds timeout{10000};
    /// Of a Unix socket: asked with the pid of the process that listens, before anything is sent.
    /// False is an error: the name of a socket may be a link to another server's. Called from the
    /// thread that connects; empty: not asked.
    std::function<bool(pid_t)> is_server;
    /// Memory that the rows of one answer may take before the connection is given up: a server that
    /// turned hostile must not take the memory of who asks it. What comes beside rows is not kept
    /// (notices), or bounded by libpq alone: one message by 1 GB, settings and notifications of a
    /// server that sends nothing else not at all. 0: no bound.
    std::size_t answer_bytes = 0;
};

/// The settings that make text output exact and repeatable (invariant 7): DateStyle, IntervalStyle,
/// TimeZone, extra_float_digits, bytea_output, lc_monetary, search_path, row_security,
/// client_min_messages, lc_messages; the timeouts of statements, locks, transactions and idle
/// sessions off, whatever the server, the database or the role set.
std::map<std::string, std::string> exact_text_settings();

/// An error that a server told of.
class QueryError : public base::Error {
public:
    struct Told {
        std::string message;   // the primary one alone
        std::string file;      // of the server's source, "acl.c"
        bool in_code = false;  // raised while a function ran, which has a context
    };
    QueryError(const base::Error& error, Told told) : base::Error(error), m_told(std::move(told)) {}

    const Told& told() const noexcept { return m_told; }

private:
    Told m_told;
};

class Connection {
public:
    /// Throws base::Error; the message never has a password in it.
    explicit Connection(const ConnectOptions& options);

    /// One simple query of one or more statements; the last result. Throws on error.
    Result exec(const std::string& sql);
    /// From now on exec takes one statement a call, by the extended protocol, where a server
    /// refuses a second one.
    void one_statement_a_call(bool wanted) noexcept { m_one_statement = wanted; }
    /// Every setting is what it was right after connecting. `before`: statements of ours in the
    /// same call, each ended by a semicolon.
    void reset_settings(std::string_view before = {});
    /// Extended protocol, text parameters.
    Result exec(const std::string& sql, std::span<const Value> parameters);
    Result exec(const std::string& sql, std::initializer_list<Value> parameters) {
        return exec(sql, std::span<const Value>(parameters.begin(), parameters.size()));
    }
    /// First column of the first row; throws when there is no row, nullopt for NULL.
    Value value(const std::string& sql, std::initializer_list<Value> parameters = {});

    /// Whether next_result would return at once, as far as what was read tells (PQconsumeInput).
    bool has_result() noexcept;
    /// PQgetResult, with all rows of one statement; an empty handle when nothing more is awaited.
    /// What is an error for libpq is a result here (see check). Throws, and closes the connection,
    /// when the rows take more than ConnectOptions::answer_bytes.
    Result next_result();
    /// Checks a result that was got through handle() and throws as exec does.
    void check(const PGresult* result, std::string_view what) const;
    /// The error that the connection's last message describes.
    base::Error failure(std::string_view what) const;

    std::string quote_identifier(std::string_view name) const;
    std::string quote_literal(std::string_view text) const;

    int server_version() const noexcept { return PQserverVersion(m_connection.get()); }
    int backend_pid() const noexcept { return PQbackendPID(m_connection.get()); }
    int socket() const noexcept { return PQsocket(m_connection.get()); }
    bool ok() const noexcept { return PQstatus(m_connection.get()) == CONNECTION_OK; }
    PGconn* handle() const noexcept { return m_connection.get(); }
    const std::string& name() const noexcept { return m_name; }

    /// Called on the connection's thread, inside libpq: must not throw.
    void on_notice(NoticeHandler handler);

    /// Asks the server to give up the running statement. Safe from another thread.
    void cancel() noexcept;

private:
    void choose_rows() noexcept;
    void append_row(Result& rows, const Result& row);
    Result last_result();
    void require_server(const ConnectOptions& options);
    void set_newer();
    std::string newer_statement() const;

    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };
    std::string m_name;
    base::ErrorKind m_kind;
    std::size_t m_answer_bytes;
    std::size_t m_received = 0;                  // of the answer that is awaited
    std::map<std::string, std::string> m_newer;  // settings that the startup packet cannot have
    bool m_one_statement = false;
    std::unique_ptr<NoticeHandler> m_notice_handler;  // its address is libpq's argument
    std::unique_ptr<PGconn, Finish> m_connection;
};

/// "schema"."name", quoted as SQL needs it, without a connection (doubling quotes is all there is
/// to it).
std::string quote_identifier(std::string_view name);
std::string quote_qualified(std::string_view schema, std::string_view name);

/// True when a server error with this SQLSTATE is worth trying again.
bool is_transient_sqlstate(std::string_view sqlstate) noexcept;

/// One simple query, no COPY; the first result. `go_on` is asked ten times a second while the
/// server works on it. When it says no the query is cancelled and the server given 5 seconds to
/// give it up: nullopt. The query may have been done all the same, and when the server did not
/// answer the connection is of no more use. Throws as exec.
std::optional<Result> exec_while(Connection& connection, const std::string& sql,
                                 const std::function<bool()>& go_on);

/// COPY … TO STDOUT: hands over each row's text as it comes. Throws as exec; `sink` may throw, the
/// connection is then unusable. Returns the number of rows. `go_on`, when there is one, is asked
/// twice a second while no row comes; when it says no the statement is cancelled and base::Error
/// (transient) is thrown.
std::uint64_t copy_out(Connection& connection, const std::string& sql,
                       const std::function<void(std::string_view row)>& sink,
                       const std::function<bool()>& go_on = {});

}  // namespace ardent::pq
