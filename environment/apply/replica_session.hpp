// SPDX-License-Identifier: PostgreSQL
// The connection that writes into the replica. Statements are queued in libpq's pipeline mode and
// answered at `drain`. A commit may be on its way while the caller does something else
// (`start_commit`, `poll`). One thread, except `cancel`.
//
// Each target transaction begins from a clean session. Code of the source runs in it in two ways:
// while rows are written, in a security-restricted operation that puts back what it sets (invariant
// 22), and by a statement of DDL, behind which the session is cleaned
// (environment/instance/superuser.hpp) before anything else runs in it. Nor is a statement prepared
// under a name.
#pragma once

#include "common/base/error.hpp"
#include "common/pq/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ardent::apply {

/// A queued statement that failed.
class StatementError : public base::Error {
public:
    StatementError(const base::Error& error, std::size_t ticket,
                   std::optional<std::size_t> row = std::nullopt)
        : base::Error(error), m_ticket(ticket), m_row(row) {}

    /// What `queue` was given for it.
    std::size_t ticket() const noexcept { return m_ticket; }
    /// Of queue_rows: the number of the change that failed, from 0.
    std::optional<std::size_t> row() const noexcept { return m_row; }

private:
    std::size_t m_ticket;
    std::optional<std::size_t> m_row;
};

/// The arguments of ardent.write_rows (replica/src/operations.hpp), each as text but the last.
struct RowChanges {
    const std::string& relation;  // oid
    const std::string& search_path;
    const std::string& identity;  // "{1,2}"
    const std::string& columns;
    std::string_view operations;  // bytes
};

class ReplicaSession {
public:
    static constexpr std::size_t k_no_ticket = static_cast<std::size_t>(-1);

    /// Connects with the settings that apply needs, and makes sure that no other session of this
    /// role applies into this database: one that is left over is ended. `secret`: the writer's
    /// (writer_functions.hpp). Throws base::Error.
    ReplicaSession(pq::ConnectOptions options, const std::string& server_encoding,
                   std::string secret);

    /// Opens the target transaction unless it is open.
    void begin();
    bool in_transaction() const noexcept { return m_in_transaction; }

    void queue(const std::string& sql, std::span<const char* const> parameters, std::size_t ticket);
    void queue_rows(const RowChanges& changes, std::size_t ticket);
    /// `relations`: "{16384,16390}", oids.
    void queue_truncate(const std::string& relations, std::size_t ticket);
    /// Writes the progress row; it fails unless the row says `before`. Empty text: as it is.
    void queue_progress(const std::string& position, const std::string& commit_timestamp,
                        const std::string& before, const std::string& timeline);
    std::size_t waiting() const noexcept { return m_waiting.size(); }

    /// Reads the answers that have come. Throws as `drain`.
    void read_answers();
    /// The ticket of the oldest statement without an answer, k_no_ticket when there is none.
    std::size_t first_waiting() const noexcept;
    /// Waits for the answers of everything queued. Throws the first StatementError.
    void drain();

    /// Sends what is queued and will send COMMIT once all of it has answered well. Until the commit
    /// is over nothing else may be queued.
    void start_commit();
    bool committing() const noexcept { return m_stage != Stage::none; }
    /// Goes on with the commit as far as it goes without waiting. Throws as `drain`; the commit is
    /// then given up.
    void poll();
    /// Waits until the commit has something new to say, at most this long, and goes on with it.
    void poll_for(std::chrono::milliseconds most);
    /// Waits for the end of the commit: it is flushed then.
    void finish_commit();

    /// The connection outside of the pipeline; drains first.
    pq::Connection& plain();
    /// A parameter of the functions in schema ardent.
    const std::string& secret() const noexcept { return m_secret; }

    void cancel() noexcept { m_connection.cancel(); }

private:
    struct Waiting {
        std::size_t ticket;
        bool sync;  // the end of a pipeline
    };
    enum class Stage { none, statements, commit };

    void enter();
    void leave();
    void sent(int done, std::size_t ticket);
    void sync();
    pq::Result next_result();
    void read_answer();
    void read_statement(const Waiting& expected);
    void next_stage();

    pq::Connection m_connection;
    std::string m_secret;
    std::deque<Waiting> m_waiting;
    std::optional<StatementError> m_error;  // the first one since the last sync
    Stage m_stage = Stage::none;
    bool m_pipeline = false;
    bool m_in_transaction = false;
};

}  // namespace ardent::apply
