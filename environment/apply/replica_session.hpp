// SPDX-License-Identifier: PostgreSQL
// The connection that writes into the replica. Statements are queued in libpq's pipeline mode and answered
// at `drain`; a COPY runs beside that (it cannot be in a pipeline). A commit may be on its way while the
// caller does something else (`start_commit`, `poll`). One thread, except `cancel`.
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

/// A queued statement that failed or touched another number of rows than it had to.
class StatementError : public base::Error {
public:
    StatementError(const base::Error& error, std::size_t ticket)
        : base::Error(error), m_ticket(ticket) {}
    StatementError(std::size_t ticket, std::uint64_t rows);

    /// What `queue` was given for it.
    std::size_t ticket() const noexcept { return m_ticket; }
    /// True when it ran, and the number of rows is wrong.
    bool mismatch() const noexcept { return m_mismatch; }

private:
    std::size_t m_ticket;
    bool m_mismatch = false;
};

class ReplicaSession {
public:
    static constexpr std::size_t k_no_ticket = static_cast<std::size_t>(-1);
    static constexpr std::int64_t k_any_rows = -1;

    /// Connects with the settings that apply needs, and makes sure that no other session of this role applies
    /// into this database: one that is left over is ended. Throws base::Error.
    ReplicaSession(pq::ConnectOptions options, const std::string& server_encoding);

    /// Opens the target transaction unless it is open.
    void begin();
    bool in_transaction() const noexcept { return m_in_transaction; }

    void prepare(const std::string& name, const std::string& sql);
    void queue_prepared(const std::string& name, std::span<const char* const> parameters,
                        std::int64_t rows, std::size_t ticket);
    void queue(const std::string& sql, std::span<const char* const> parameters, std::int64_t rows,
               std::size_t ticket);
    std::size_t waiting() const noexcept { return m_waiting.size(); }

    /// Waits for the answers of everything queued. Throws the first StatementError.
    void drain();

    /// Drains, then starts COPY … FROM STDIN; nothing may be queued until `end_copy`.
    void begin_copy(const std::string& sql);
    void copy(std::string_view bytes) { m_copy->write(bytes); }
    /// The number of rows that went in.
    std::uint64_t end_copy();
    bool copying() const noexcept { return m_copy.has_value(); }

    /// Sends what is queued and will send COMMIT once all of it has answered as expected, so that no wrong
    /// number of rows is ever committed. Until the commit is over nothing else may be queued.
    void start_commit();
    bool committing() const noexcept { return m_stage != Stage::none; }
    /// Goes on with the commit as far as it goes without waiting. Throws as `drain`; the commit is then given up.
    void poll();
    /// Waits until the commit has something new to say, at most this long, and goes on with it.
    void poll_for(std::chrono::milliseconds most);
    /// Waits for the end of the commit: it is flushed then.
    void finish_commit();

    /// The connection outside of the pipeline; drains first.
    pq::Connection& plain();

    void cancel() noexcept { m_connection.cancel(); }

private:
    static constexpr std::int64_t k_sync = -2;  // in the place of rows: the end of a pipeline

    struct Waiting {
        std::int64_t rows;
        std::size_t ticket;
    };
    enum class Stage { none, statements, commit };

    void enter();
    void leave();
    void sent(int done, std::int64_t rows, std::size_t ticket);
    void sync();
    void read_answer();
    void read_statement(const Waiting& expected);
    void next_stage();

    pq::Connection m_connection;
    std::optional<pq::CopyIn> m_copy;
    std::deque<Waiting> m_waiting;
    std::optional<StatementError> m_error;  // the first one since the last sync
    Stage m_stage = Stage::none;
    bool m_pipeline = false;
    bool m_in_transaction = false;
};

}  // namespace ardent::apply
