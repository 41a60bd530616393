// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/replica_session.hpp"

#include <poll.h>

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
    // Keys are looked up one by one in the index; neither the size of a table nor old statistics may tempt
    // the planner to read all of it. (Without an index it still does.)
    options.settings["enable_hashjoin"] = "off";
    options.settings["enable_mergejoin"] = "off";
    options.settings["enable_seqscan"] = "off";
    options.kind = base::ErrorKind::replica;
    return options;
}

/// Triggers and foreign keys of the replica did their work at the source; here they would do it twice.
void require_replica_role(pq::Connection& connection) {
    const pq::Value role =
        connection.value("SELECT pg_catalog.current_setting('session_replication_role')");
    if (role != "replica") {
        throw base::Error(base::ErrorKind::replica,
                          connection.name() + ": session_replication_role is " + role.value_or("") +
                              " for the role that applies",
                          "As superuser: ALTER ROLE … SET session_replication_role = replica.");
    }
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
    require_replica_role(m_connection);
    take_over(m_connection);
}

void ReplicaSession::enter() {
    if (m_copy || committing()) {
        throw base::Error(base::ErrorKind::bug,
                          "a statement was queued while a COPY or COMMIT runs");
    }
    if (!m_pipeline) {
        if (PQenterPipelineMode(m_connection.handle()) != 1 ||
            PQsetnonblocking(m_connection.handle(), 1) != 0) {
            throw m_connection.failure("pipeline");
        }
        m_pipeline = true;
    }
}

void ReplicaSession::leave() {
    drain();
    if (m_pipeline) {
        if (PQexitPipelineMode(m_connection.handle()) != 1 ||
            PQsetnonblocking(m_connection.handle(), 0) != 0) {
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

void ReplicaSession::sync() {
    sent(PQpipelineSync(m_connection.handle()), k_sync, k_no_ticket);
}

/// Reads the answer to the oldest thing queued; at a sync, throws the first error before it.
void ReplicaSession::read_answer() {
    const Waiting expected = m_waiting.front();
    m_waiting.pop_front();
    if (expected.rows != k_sync) {
        read_statement(expected);
        return;
    }
    const pq::Result result(m_connection.ok() ? PQgetResult(m_connection.handle()) : nullptr);
    if (m_error) {
        m_stage = Stage::none;
        throw *std::exchange(m_error, std::nullopt);
    }
    m_connection.check(result.handle(), "pipeline");
}

void ReplicaSession::read_statement(const Waiting& expected) {
    const pq::Result result(m_connection.ok() ? PQgetResult(m_connection.handle()) : nullptr);
    if (result.status() == PGRES_PIPELINE_ABORTED && result.handle() != nullptr) {
        while (PGresult* const more = PQgetResult(m_connection.handle())) {
            const pq::Result rest(more);
        }
        return;  // the error before it is the one to tell
    }
    try {
        m_connection.check(result.handle(), {});
    } catch (const base::Error& failure) {
        if (!m_error) {
            m_error.emplace(failure, expected.ticket);
        }
    }
    if (result.handle() == nullptr) {
        return;
    }
    while (PGresult* const more = PQgetResult(m_connection.handle())) {
        const pq::Result rest(more);
    }
    if (!m_error && expected.rows >= 0 &&
        result.affected() != static_cast<std::uint64_t>(expected.rows)) {
        m_error.emplace(expected.ticket, result.affected());
    }
    if (!m_error && m_stage == Stage::commit &&
        std::string_view(PQcmdStatus(result.handle())) != "COMMIT") {
        m_error.emplace(base::Error(base::ErrorKind::bug, "COMMIT was answered with ROLLBACK"),
                        expected.ticket);
    }
}

void ReplicaSession::drain() {
    if (m_waiting.empty()) {
        return;
    }
    sync();
    while (!m_waiting.empty()) {
        read_answer();
    }
}

void ReplicaSession::start_commit() {
    enter();
    sync();
    m_stage = Stage::statements;
    poll();
}

/// Called when everything sent has answered well.
void ReplicaSession::next_stage() {
    if (m_stage == Stage::statements) {
        m_stage = Stage::none;
        queue("COMMIT", {}, k_any_rows, k_no_ticket);
        sync();
        m_stage = Stage::commit;
    } else {
        m_stage = Stage::none;
        m_in_transaction = false;
    }
}

void ReplicaSession::poll() {
    PGconn* const handle = m_connection.handle();
    while (committing()) {
        if (PQflush(handle) < 0 || PQconsumeInput(handle) != 1) {
            throw m_connection.failure("commit");
        }
        while (!m_waiting.empty() && PQisBusy(handle) == 0) {
            read_answer();
        }
        if (!m_waiting.empty()) {
            return;
        }
        next_stage();
    }
}

void ReplicaSession::poll_for(std::chrono::milliseconds most) {
    const bool unsent = PQflush(m_connection.handle()) == 1;
    pollfd ready{m_connection.socket(), static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), 0};
    ::poll(&ready, 1, static_cast<int>(most.count()));
    poll();
}

void ReplicaSession::finish_commit() {
    while (committing()) {
        while (!m_waiting.empty()) {
            read_answer();
        }
        next_stage();
    }
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

pq::Connection& ReplicaSession::plain() {
    leave();
    return m_connection;
}

}  // namespace ardent::apply
