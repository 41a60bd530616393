// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/replication.hpp"

#include "agent/source/plugin.hpp"

#include <poll.h>
#include <string_view>

namespace ardent::agent {

namespace {

constexpr const char* k_what = "the replication stream";

pq::Result start(pq::Connection& connection, const StartCommands& commands) {
    try {
        return connection.exec(commands.exact);
    } catch (const base::Error& e) {
        if (!refuses_exact_numbers(e)) {
            throw;
        }
    }
    return connection.exec(commands.plain);
}

/// Throws for an end that is an error. A primary that stops ends a stream that waits for its
/// standbys by one that names this setting: it goes on when the source is there again.
void check_end(const pq::Connection& connection, const PGresult* end) {
    try {
        connection.check(end, k_what);
    } catch (const base::Error& e) {
        if (std::string_view(e.what()).find("synchronized_standby_slots") ==
            std::string_view::npos) {
            throw;
        }
        throw base::Error(base::ErrorKind::transient, e.what(), e.hint(), e.sqlstate());
    }
}

/// Throws away what has arrived; true once the server said CopyDone too, or broke off.
bool discard_copy_data(PGconn* handle) noexcept {
    char* bytes = nullptr;
    int size = 0;
    while ((size = PQgetCopyData(handle, &bytes, 1)) > 0) {
        PQfreemem(bytes);
    }
    return size < 0;
}

/// True once the command is over.
bool discard_results(PGconn* handle) noexcept {
    while (PQisBusy(handle) == 0) {
        PGresult* const result = PQgetResult(handle);
        if (result == nullptr) {
            return true;
        }
        PQclear(result);
    }
    return false;
}

}  // namespace

bool is_decoding_error(const base::Error& error) noexcept {
    return error.kind() == base::ErrorKind::source && error.sqlstate().starts_with("XX");
}

ReplicationStream::ReplicationStream(pq::Connection connection, const StartCommands& commands)
    : m_connection(std::move(connection)) {
    const pq::Result result = start(m_connection, commands);
    if (result.status() != PGRES_COPY_BOTH || PQsetnonblocking(m_connection.handle(), 1) != 0) {
        throw m_connection.failure(k_what);
    }
}

std::optional<ReplicationStream::Message> ReplicationStream::next() {
    char* bytes = nullptr;
    const int size = PQgetCopyData(m_connection.handle(), &bytes, 1);
    if (size > 0) {
        return Message(bytes, static_cast<std::size_t>(size));
    }
    if (size == 0) {
        return std::nullopt;
    }
    if (size == -1) {
        const pq::Result end(PQgetResult(m_connection.handle()));
        if (end.handle() != nullptr && end.status() != PGRES_COPY_IN) {
            check_end(m_connection, end.handle());
        }
        throw base::Error(base::ErrorKind::transient,
                          m_connection.name() + ": the server ended the stream");
    }
    throw m_connection.failure(k_what);
}

void ReplicationStream::read() {
    if (PQconsumeInput(m_connection.handle()) == 0) {
        throw m_connection.failure(k_what);
    }
}

void ReplicationStream::put(const std::string& message) {
    if (PQputCopyData(m_connection.handle(), message.data(), static_cast<int>(message.size())) <
        0) {
        throw m_connection.failure(k_what);
    }
}

bool ReplicationStream::flush() {
    const int left = PQflush(m_connection.handle());
    if (left < 0) {
        throw m_connection.failure(k_what);
    }
    return left == 0;
}

void ReplicationStream::end(std::chrono::milliseconds patience) noexcept {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    PGconn* const handle = m_connection.handle();
    if (PQputCopyEnd(handle, nullptr) <= 0) {
        return;
    }
    bool copying = true;
    while (std::chrono::steady_clock::now() < deadline) {
        const bool all_written = PQflush(handle) == 0;
        copying = copying && !discard_copy_data(handle);
        if (!copying && discard_results(handle)) {
            return;
        }
        pollfd waiting{PQsocket(handle),
                       static_cast<short>(all_written ? POLLIN : POLLIN | POLLOUT), 0};
        ::poll(&waiting, 1, 100);
        if ((waiting.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(handle) == 0) {
            return;
        }
    }
}

}  // namespace ardent::agent
