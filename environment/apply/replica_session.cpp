// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/replica_session.hpp"

namespace ardent::apply {

namespace {

pq::ConnectOptions with_settings(pq::ConnectOptions options, const std::string& server_encoding) {
    // Values stay the bytes that the source has: no conversion between its encoding and the replica's.
    options.parameters.emplace_back("client_encoding", server_encoding);
    options.parameters.emplace_back("application_name", "ardent apply");
    for (const auto& [name, value] : pq::exact_text_settings()) {
        options.settings.insert_or_assign(name, value);
    }
    options.settings["synchronous_commit"] = "on";
    options.settings["jit"] = "off";
    // Array statements look their keys up one by one in the index; the size of the table must not tempt
    // the planner to read all of it.
    options.settings["enable_hashjoin"] = "off";
    options.settings["enable_mergejoin"] = "off";
    options.kind = base::ErrorKind::replica;
    return options;
}

// The lock stands for "applies into this database". Its holder is gone once its last transaction is over,
// so after it the progress row says all there is to say.
constexpr const char* k_lock_key = "1097999973";  // "Arde" in ASCII

void take_over(pq::Connection& connection) {
    connection.exec(R"sql(
SELECT pg_catalog.pg_terminate_backend(l.pid)
  FROM pg_catalog.pg_locks AS l
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname = pg_catalog.current_database())
   AND l.classid = 0 AND l.objid = )sql" +
                    std::string(k_lock_key));
    connection.exec("SET lock_timeout = '10s'");
    try {
        connection.exec(std::string("SELECT pg_catalog.pg_advisory_lock(") + k_lock_key + ")");
    } catch (const base::Error& error) {
        throw base::Error(base::ErrorKind::transient,
                          connection.name() + ": another session still applies: " + error.what(),
                          "It ends by itself once its last statement is over.", error.sqlstate());
    }
    connection.exec("SET lock_timeout = 0");
}

}  // namespace

StatementError::StatementError(std::size_t ticket, std::uint64_t rows)
    : base::Error(base::ErrorKind::replica,
                  "a statement touched " + std::to_string(rows) + " rows"),
      m_ticket(ticket),
      m_mismatch(true) {}

ReplicaSession::ReplicaSession(pq::ConnectOptions options, const std::string& server_encoding)
    : m_connection(with_settings(std::move(options), server_encoding)) {
    take_over(m_connection);
}

void ReplicaSession::enter() {
    if (m_copy) {
        throw base::Error(base::ErrorKind::bug, "a statement was queued while a COPY runs");
    }
    if (!m_pipeline) {
        if (PQenterPipelineMode(m_connection.handle()) != 1) {
            throw m_connection.failure("pipeline");
        }
        m_pipeline = true;
    }
}

void ReplicaSession::leave() {
    drain();
    if (m_pipeline) {
        if (PQexitPipelineMode(m_connection.handle()) != 1) {
            throw m_connection.failure("pipeline");
        }
        m_pipeline = false;
    }
}

void ReplicaSession::sent(int done, std::int64_t rows, std::size_t ticket) {
    if (done != 1) {
        throw m_connection.failure("sending a statement");
    }
    m_waiting.push_back({rows, ticket});
}

void ReplicaSession::begin() {
    if (!m_in_transaction) {
        queue("BEGIN", {}, k_any_rows, k_no_ticket);
        m_in_transaction = true;
    }
}

void ReplicaSession::prepare(const std::string& name, const std::string& sql) {
    enter();
    sent(PQsendPrepare(m_connection.handle(), name.c_str(), sql.c_str(), 0, nullptr), k_any_rows,
         k_no_ticket);
}

void ReplicaSession::queue_prepared(const std::string& name,
                                    std::span<const char* const> parameters, std::int64_t rows,
                                    std::size_t ticket) {
    enter();
    sent(PQsendQueryPrepared(m_connection.handle(), name.c_str(),
                             static_cast<int>(parameters.size()), parameters.data(), nullptr,
                             nullptr, 0),
         rows, ticket);
}

void ReplicaSession::queue(const std::string& sql, std::span<const char* const> parameters,
                           std::int64_t rows, std::size_t ticket) {
    enter();
    sent(PQsendQueryParams(m_connection.handle(), sql.c_str(), static_cast<int>(parameters.size()),
                           nullptr, parameters.data(), nullptr, nullptr, 0),
         rows, ticket);
}

std::optional<StatementError> ReplicaSession::read_answer(const Waiting& expected) {
    std::optional<StatementError> error;
    const pq::Result result(PQgetResult(m_connection.handle()));
    if (result.status() == PGRES_PIPELINE_ABORTED) {
        return error;  // the error before it is the one to tell
    }
    try {
        m_connection.check(result.handle(), {});
    } catch (const base::Error& failure) {
        error.emplace(failure, expected.ticket);
    }
    if (result.handle() == nullptr) {
        return error;
    }
    while (PGresult* const more = PQgetResult(m_connection.handle())) {
        const pq::Result rest(more);
    }
    if (!error && expected.rows >= 0 &&
        result.affected() != static_cast<std::uint64_t>(expected.rows)) {
        error.emplace(expected.ticket, result.affected());
    }
    return error;
}

void ReplicaSession::drain() {
    if (m_waiting.empty()) {
        return;
    }
    if (PQpipelineSync(m_connection.handle()) != 1) {
        throw m_connection.failure("pipeline");
    }
    std::optional<StatementError> first;
    for (const Waiting& expected : m_waiting) {
        std::optional<StatementError> error = read_answer(expected);
        if (error && !first) {
            first = std::move(error);
        }
        if (!m_connection.ok()) {
            break;
        }
    }
    m_waiting.clear();
    const pq::Result sync(m_connection.ok() ? PQgetResult(m_connection.handle()) : nullptr);
    if (first) {
        throw *first;
    }
    m_connection.check(sync.handle(), "pipeline");
}

void ReplicaSession::begin_copy(const std::string& sql) {
    leave();
    m_copy.emplace(m_connection, sql);
}

std::uint64_t ReplicaSession::end_copy() {
    const std::uint64_t rows = m_copy->finish();
    m_copy.reset();
    return rows;
}

void ReplicaSession::commit() {
    leave();
    const pq::Result result = m_connection.exec("COMMIT");
    m_in_transaction = false;
    if (std::string_view(PQcmdStatus(result.handle())) != "COMMIT") {
        throw base::Error(base::ErrorKind::bug, "COMMIT was answered with ROLLBACK");
    }
}

pq::Connection& ReplicaSession::plain() {
    leave();
    return m_connection;
}

}  // namespace ardent::apply
