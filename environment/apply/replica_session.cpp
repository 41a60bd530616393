// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/replica_session.hpp"

#include "environment/instance/superuser.hpp"
#include "environment/replica/writer_functions.hpp"

#include <poll.h>

#include <array>
#include <charconv>

namespace ardent::apply {

namespace {

pq::ConnectOptions with_settings(pq::ConnectOptions options, const std::string& server_encoding) {
    // Values stay the bytes that the source has: no conversion between its encoding and the
    // replica's.
    options.parameters.emplace_back("client_encoding", server_encoding);
    options.parameters.emplace_back("application_name", "ardent apply");
    for (const auto& [name, value] : environment::pinned_settings()) {
        options.settings.insert_or_assign(name, value);
    }
    options.settings["synchronous_commit"] = "on";
    options.settings["jit"] = "off";
    options.kind = base::ErrorKind::replica;
    return options;
}

/// Triggers and foreign keys of the replica did their work at the source; here they would do it
/// twice.
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

constexpr const char* k_write_rows = R"sql(
SELECT ardent.write_rows($1::pg_catalog.bytea, $2::pg_catalog.oid, $3::pg_catalog.text,
                         $4::pg_catalog.int2[], $5::pg_catalog.int2[], $6::pg_catalog.bytea)
)sql";

constexpr const char* k_truncate =
    "SELECT ardent.truncate_tables($1::pg_catalog.bytea, $2::pg_catalog.oid[])";

constexpr const char* k_progress = R"sql(
SELECT ardent.advance_progress($1::pg_catalog.bytea, $2::pg_catalog.pg_lsn,
                               $3::pg_catalog.timestamptz, $4::pg_catalog.pg_lsn,
                               $5::pg_catalog.int8)
)sql";

// What a server takes in one message (PQ_LARGE_MESSAGE_LIMIT), less the other parameters.
constexpr std::size_t k_most_bytes = (std::size_t{1} << 30U) - (std::size_t{64} << 10U);

// What the writer puts into the context of its errors (replica/src/functions.cpp).
constexpr std::string_view k_row_context = "ardent: row ";

std::optional<std::size_t> failed_row(const PGresult* result) {
    const char* const field = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const std::string_view context = field == nullptr ? "" : field;
    const std::size_t place = context.rfind(k_row_context);  // the outermost is the writer's own
    if (place == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view number = context.substr(place + k_row_context.size());
    std::size_t row = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), row);
    return read.ec == std::errc() ? std::optional(row) : std::nullopt;
}

}  // namespace

ReplicaSession::ReplicaSession(pq::ConnectOptions options, const std::string& server_encoding,
                               std::string secret)
    : m_connection(with_settings(std::move(options), server_encoding)),
      m_secret(std::move(secret)) {
    environment::clean_session(m_connection);
    require_replica_role(m_connection);
    environment::open_writer(m_connection, m_secret);
}

// The socket stays blocking: what is sent waits until the server takes it, with answers read
// meanwhile. Otherwise libpq keeps what the server does not take yet, without a limit, and moves
// all of it at each partial send.
void ReplicaSession::enter() {
    if (committing()) {
        throw base::Error(base::ErrorKind::bug, "a statement was queued while a COMMIT runs");
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

void ReplicaSession::sent(int done, std::size_t ticket) {
    if (done != 1) {
        throw m_connection.failure("sending a statement");
    }
    m_waiting.push_back({ticket, false});
}

void ReplicaSession::begin() {
    if (!m_in_transaction) {
        queue("BEGIN", {}, k_no_ticket);
        m_in_transaction = true;
    }
}

void ReplicaSession::queue(const std::string& sql, std::span<const char* const> parameters,
                           std::size_t ticket) {
    enter();
    sent(PQsendQueryParams(m_connection.handle(), sql.c_str(), static_cast<int>(parameters.size()),
                           nullptr, parameters.data(), nullptr, nullptr, 0),
         ticket);
}

void ReplicaSession::queue_rows(const RowChanges& changes, std::size_t ticket) {
    enter();
    if (changes.operations.size() > k_most_bytes) {
        throw base::Error(base::ErrorKind::replica,
                          "a row of " + std::to_string(changes.operations.size()) +
                              " bytes is too large for the replica's server");
    }
    const std::array<const char*, 6> values{
        m_secret.c_str(),         changes.relation.c_str(), changes.search_path.c_str(),
        changes.identity.c_str(), changes.columns.c_str(),  changes.operations.data()};
    const std::array<int, 6> lengths{0, 0, 0, 0, 0, static_cast<int>(changes.operations.size())};
    const std::array<int, 6> formats{0, 0, 0, 0, 0, 1};
    sent(PQsendQueryParams(m_connection.handle(), k_write_rows, 6, nullptr, values.data(),
                           lengths.data(), formats.data(), 0),
         ticket);
    // So that the server does not keep the answer until the pipeline's end.
    if (PQsendFlushRequest(m_connection.handle()) != 1 || PQflush(m_connection.handle()) != 0) {
        throw m_connection.failure("sending rows");
    }
}

void ReplicaSession::queue_truncate(const std::string& relations, std::size_t ticket) {
    const std::array<const char*, 2> parameters{m_secret.c_str(), relations.c_str()};
    queue(k_truncate, parameters, ticket);
}

void ReplicaSession::queue_progress(const std::string& position,
                                    const std::string& commit_timestamp, const std::string& before,
                                    const std::string& timeline) {
    const auto text = [](const std::string& value) {
        return value.empty() ? nullptr : value.c_str();
    };
    const std::array<const char*, 5> parameters{
        m_secret.c_str(), text(position), text(commit_timestamp), text(before), text(timeline)};
    queue(k_progress, parameters, k_no_ticket);
}

std::size_t ReplicaSession::first_waiting() const noexcept {
    for (const Waiting& waiting : m_waiting) {
        if (waiting.ticket != k_no_ticket) {
            return waiting.ticket;
        }
    }
    return k_no_ticket;
}

void ReplicaSession::sync() {
    if (PQpipelineSync(m_connection.handle()) != 1) {
        throw m_connection.failure("sending a statement");
    }
    m_waiting.push_back({k_no_ticket, true});
}

void ReplicaSession::read_answers() {
    PGconn* const handle = m_connection.handle();
    if (m_waiting.empty()) {
        return;
    }
    if (PQconsumeInput(handle) != 1) {
        throw m_connection.failure("reading answers");
    }
    while (!m_waiting.empty() && m_connection.has_result()) {
        read_answer();
    }
    if (m_error) {
        drain();
    }
}

pq::Result ReplicaSession::next_result() {
    return m_connection.ok() ? m_connection.next_result() : pq::Result(nullptr);
}

/// Reads the answer to the oldest thing queued; at a sync, throws the first error before it.
void ReplicaSession::read_answer() {
    const Waiting expected = m_waiting.front();
    m_waiting.pop_front();
    if (!expected.sync) {
        read_statement(expected);
        return;
    }
    const pq::Result result = next_result();
    if (m_error) {
        m_stage = Stage::none;
        throw *std::exchange(m_error, std::nullopt);
    }
    m_connection.check(result.handle(), "pipeline");
}

void ReplicaSession::read_statement(const Waiting& expected) {
    const pq::Result result = next_result();
    const bool skipped = result.status() == PGRES_PIPELINE_ABORTED && result.handle() != nullptr;
    try {
        if (!skipped) {  // the error before it is the one to tell
            m_connection.check(result.handle(), {});
        }
    } catch (const base::Error& failure) {
        if (!m_error) {
            m_error.emplace(failure, expected.ticket, failed_row(result.handle()));
        }
    }
    if (result.handle() == nullptr) {
        return;
    }
    while (m_connection.next_result().handle() != nullptr) {}
    if (!m_error && !skipped && m_stage == Stage::commit &&
        std::string_view(PQcmdStatus(result.handle())) != "COMMIT") {
        m_error.emplace(base::Error(base::ErrorKind::bug, "COMMIT was answered with ROLLBACK"),
                        expected.ticket);
    }
}

void ReplicaSession::drain() {
    if (m_waiting.empty() && !m_error) {
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
        queue("COMMIT", {}, k_no_ticket);
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
        while (!m_waiting.empty() && m_connection.has_result()) {
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

pq::Connection& ReplicaSession::plain() {
    leave();
    return m_connection;
}

}  // namespace ardent::apply
