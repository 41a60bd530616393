// SPDX-License-Identifier: PostgreSQL
#include "common/pq/connection.hpp"

#include "common/base/text.hpp"
#include "common/pq/server_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <poll.h>
#include <sys/socket.h>

namespace ardent::pq {

namespace {

/// Settings that came after PostgreSQL 13: an older server refuses the connection when they are in
/// the startup packet.
constexpr std::array<std::pair<std::string_view, int>, 2> k_newer_settings = {
    {{"idle_session_timeout", 140000}, {"transaction_timeout", 170000}}};

bool is_newer(std::string_view name) {
    return std::any_of(k_newer_settings.begin(), k_newer_settings.end(),
                       [&](const auto& setting) { return setting.first == name; });
}

std::string startup_options(const std::map<std::string, std::string>& settings) {
    std::string options;
    for (const auto& [name, value] : settings) {
        if (is_newer(name)) {
            continue;
        }
        options += options.empty() ? "-c " : " -c ";
        options += name + "=";
        for (const char c : value) {
            if (c == ' ' || c == '\\') {
                options += '\\';
            }
            options += c;
        }
    }
    return options;
}

std::string field(const PGresult* result, int code) {
    const char* const text = PQresultErrorField(result, code);
    return text == nullptr ? std::string() : std::string(text);
}

void receive_notice(void* handler, const PGresult* result) noexcept {
    try {
        const auto& call = *static_cast<const NoticeHandler*>(handler);
        if (call) {
            call({field(result, PG_DIAG_SEVERITY_NONLOCALIZED), field(result, PG_DIAG_SQLSTATE),
                  field(result, PG_DIAG_MESSAGE_PRIMARY)});
        }
    } catch (...) {
        return;
    }
}

ServerError server_error(const PGresult* result) {
    return {.sqlstate = field(result, PG_DIAG_SQLSTATE),
            .primary = field(result, PG_DIAG_MESSAGE_PRIMARY),
            .detail = field(result, PG_DIAG_MESSAGE_DETAIL),
            .hint = field(result, PG_DIAG_MESSAGE_HINT),
            .context = field(result, PG_DIAG_CONTEXT),
            .schema = field(result, PG_DIAG_SCHEMA_NAME),
            .table = field(result, PG_DIAG_TABLE_NAME),
            .column = field(result, PG_DIAG_COLUMN_NAME),
            .constraint = field(result, PG_DIAG_CONSTRAINT_NAME),
            .source_file = field(result, PG_DIAG_SOURCE_FILE),
            .source_function = field(result, PG_DIAG_SOURCE_FUNCTION)};
}

}  // namespace

bool Result::is_null(int row, int column) const noexcept {
    return PQgetisnull(m_result.get(), row, column) != 0;
}

std::string_view Result::text(int row, int column) const noexcept {
    return {PQgetvalue(m_result.get(), row, column),
            static_cast<std::size_t>(PQgetlength(m_result.get(), row, column))};
}

Value Result::value(int row, int column) const {
    if (is_null(row, column)) {
        return std::nullopt;
    }
    return std::string(text(row, column));
}

std::uint64_t Result::affected() const noexcept {
    const std::string_view text = PQcmdTuples(m_result.get());
    std::uint64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

std::map<std::string, std::string> exact_text_settings() {
    return {{"DateStyle", "ISO, YMD"},
            {"IntervalStyle", "postgres"},
            {"TimeZone", "UTC"},
            {"extra_float_digits", "3"},
            {"array_nulls", "on"},
            {"xmloption", "content"},
            {"quote_all_identifiers", "off"},
            // nobody's parameters in what a function of the source may read as its context
            {"log_parameter_max_length_on_error", "0"},
            {"bytea_output", "hex"},
            {"lc_monetary", "C"},
            {"search_path", "pg_catalog"},
            {"row_security", "off"},
            {"client_min_messages", "warning"},
            {"statement_timeout", "0"},
            {"lock_timeout", "0"},
            {"idle_in_transaction_session_timeout", "0"},
            {"idle_session_timeout", "0"},
            {"transaction_timeout", "0"}};
}

bool is_transient_sqlstate(std::string_view sqlstate) noexcept {
    const std::string_view kind = sqlstate.substr(0, 2);
    return kind == "08" || kind == "53" || sqlstate.substr(0, 4) == "57P0" || sqlstate == "40001" ||
           sqlstate == "40P01" || sqlstate == "55006";
}

Connection::Connection(const ConnectOptions& options)
    : m_name(options.name),
      m_kind(options.kind),
      m_answer_bytes(options.answer_bytes),
      m_notice_handler(std::make_unique<NoticeHandler>()) {
    std::vector<std::pair<std::string, std::string>> all = options.parameters;
    all.emplace_back("connect_timeout", std::to_string((options.timeout.count() + 999) / 1000));
    all.emplace_back("options", startup_options(options.settings));
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : all) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    m_connection.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (!m_connection) {
        throw base::Error(base::ErrorKind::transient, m_name + ": out of memory");
    }
    PQsetNoticeReceiver(m_connection.get(), receive_notice, m_notice_handler.get());
    if (PQstatus(m_connection.get()) != CONNECTION_OK) {
        const std::string text = base::one_line(PQerrorMessage(m_connection.get()));
        throw base::Error(base::ErrorKind::transient,
                          "cannot connect to the " + m_name + ": " + text);
    }
    require_server(options);
    for (const auto& [name, since] : k_newer_settings) {
        const auto found = options.settings.find(std::string(name));
        if (found != options.settings.end() && server_version() >= since) {
            m_newer.insert(*found);
        }
    }
    set_newer();
}

void Connection::require_server(const ConnectOptions& options) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (!options.is_server ||
        (::getsockopt(PQsocket(m_connection.get()), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         options.is_server(peer.pid))) {
        return;
    }
    throw base::Error(base::ErrorKind::transient,
                      m_name + ": another process listens at the socket of its server (pid " +
                          std::to_string(peer.pid) + ")",
                      "Somebody inside the server may have replaced the socket; a restart of the "
                      "environment makes it anew.");
}

// In one statement: a walsender takes no more than that at a time before PostgreSQL 15.
std::string Connection::newer_statement() const {
    std::string calls;
    for (const auto& [name, value] : m_newer) {
        calls += (calls.empty() ? "pg_catalog.set_config(" : ", pg_catalog.set_config(") +
                 quote_literal(name) + ", " + quote_literal(value) + ", false)";
    }
    return calls.empty() ? calls : "SELECT " + calls;
}

void Connection::set_newer() {
    if (const std::string statement = newer_statement(); !statement.empty()) {
        exec(statement);
    }
}

void Connection::reset_settings(std::string_view before) {
    exec(std::string(before) + "RESET ALL; " + newer_statement());
}

void Connection::on_notice(NoticeHandler handler) {
    *m_notice_handler = std::move(handler);
}

base::Error Connection::failure(std::string_view what) const {
    const std::string text = base::one_line(PQerrorMessage(m_connection.get()));
    return {ok() ? m_kind : base::ErrorKind::transient,
            m_name + ": " + std::string(what) + ": " + text};
}

void Connection::check(const PGresult* result, std::string_view what) const {
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
    case PGRES_PIPELINE_SYNC:
    case PGRES_EMPTY_QUERY:
        return;
    default:
        break;
    }
    if (result == nullptr) {
        throw failure(what);
    }
    const ServerError error = server_error(result);
    const std::string& sqlstate = error.sqlstate;
    // Every error of a server has an SQLSTATE. Without one libpq itself tells of a broken
    // connection, and may do so while its status is still CONNECTION_OK: a write failed, and there
    // is more to read.
    const bool broken = !ok() || (PQresultStatus(result) == PGRES_FATAL_ERROR && sqlstate.empty());
    const bool transient = broken || is_transient_sqlstate(sqlstate);
    throw QueryError(
        base::Error(
            transient ? base::ErrorKind::transient : m_kind,
            m_name + ": " +
                (error.primary.empty() ? base::one_line(PQresultErrorMessage(result))
                                       : error.message()) +
                (what.empty() ? "" : " (in: " + base::clip_utf8(base::one_line(what), 300) + ")"),
            error.advice(), sqlstate),
        {error.primary, error.source_file, !error.context.empty()});
}

Result Connection::exec(const std::string& sql) {
    if (m_one_statement) {
        return exec(sql, std::span<const Value>());
    }
    PQsendQuery(m_connection.get(), sql.c_str());
    Result result = last_result();
    check(result.handle(), sql);
    return result;
}

Result Connection::exec(const std::string& sql, std::span<const Value> parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const Value& parameter : parameters) {
        values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    PQsendQueryParams(m_connection.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                      values.data(), nullptr, nullptr, 0);
    Result result = last_result();
    check(result.handle(), sql);
    return result;
}

Value Connection::value(const std::string& sql, std::initializer_list<Value> parameters) {
    const Result result = exec(sql, parameters);
    if (result.rows() == 0 || result.columns() == 0) {
        throw base::Error(base::ErrorKind::bug,
                          m_name + ": no row came for: " + base::one_line(sql));
    }
    return result.value(0, 0);
}

std::string Connection::quote_identifier(std::string_view name) const {
    return pq::quote_identifier(name);
}

std::string Connection::quote_literal(std::string_view text) const {
    char* const quoted = PQescapeLiteral(m_connection.get(), text.data(), text.size());
    if (quoted == nullptr) {
        throw failure("cannot quote a literal");
    }
    const std::unique_ptr<char, void (*)(void*)> owner(quoted, PQfreemem);
    return quoted;
}

void Connection::cancel() noexcept {
    PGcancel* const handle = PQgetCancel(m_connection.get());
    if (handle != nullptr) {
        std::array<char, 256> text{};
        PQcancel(handle, text.data(), static_cast<int>(text.size()));
        PQfreeCancel(handle);
    }
}

std::string quote_identifier(std::string_view name) {
    std::string quoted = "\"";
    for (const char c : name) {
        quoted += c;
        if (c == '"') {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
    return quote_identifier(schema) + "." + quote_identifier(name);
}

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// False when nothing came within the time.
bool input_within(Connection& connection, milliseconds time, const std::string& sql) {
    pollfd waiting{connection.socket(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(time.count()));
    if (waiting.revents != 0 && PQconsumeInput(connection.handle()) == 0) {
        throw connection.failure(sql);
    }
    return waiting.revents != 0;
}

/// Waits until a result can be had; false when `go_on` said no.
bool answered(Connection& connection, const std::string& sql, const std::function<bool()>& go_on) {
    constexpr milliseconds k_step{100};
    while (!connection.has_result()) {
        input_within(connection, k_step, sql);
        if (!connection.has_result() && !go_on()) {
            return false;
        }
    }
    return true;
}

// Up to ready-for-query: what an error undoes at the server is undone by then.
Result take_result(Connection& connection) {
    Result first = connection.next_result();
    while (connection.next_result().handle() != nullptr) {}
    return first;
}

void await_row(Connection& connection, const std::string& sql, const std::function<bool()>& go_on) {
    constexpr milliseconds k_ask_again{500};
    if (!input_within(connection, k_ask_again, sql) && !go_on()) {
        connection.cancel();
        throw base::Error(base::ErrorKind::transient, "stopped while reading rows");
    }
}

}  // namespace

std::optional<Result> exec_while(Connection& connection, const std::string& sql,
                                 const std::function<bool()>& go_on) {
    constexpr std::chrono::seconds k_patience{5};
    if (PQsendQuery(connection.handle(), sql.c_str()) == 0) {
        throw connection.failure(sql);
    }
    if (answered(connection, sql, go_on)) {
        Result result = take_result(connection);
        connection.check(result.handle(), sql);
        return result;
    }
    connection.cancel();
    const auto deadline = Clock::now() + k_patience;
    if (answered(connection, sql, [&] { return Clock::now() < deadline; })) {
        take_result(connection);
    }
    return std::nullopt;
}

std::uint64_t copy_out(Connection& connection, const std::string& sql,
                       const std::function<void(std::string_view row)>& sink,
                       const std::function<bool()>& go_on) {
    connection.exec(sql);
    PGconn* const handle = connection.handle();
    for (;;) {
        char* row = nullptr;
        const int length = PQgetCopyData(handle, &row, go_on ? 1 : 0);
        if (length == -1) {
            break;
        }
        if (length == 0) {
            await_row(connection, sql, go_on);
            continue;
        }
        if (length < 0) {
            throw connection.failure(sql);
        }
        const std::unique_ptr<char, void (*)(void*)> owner(row, PQfreemem);
        sink({row, static_cast<std::size_t>(length)});
    }
    const Result end = take_result(connection);
    connection.check(end.handle(), sql);
    return end.affected();
}

}  // namespace ardent::pq
