// SPDX-License-Identifier: PostgreSQL
// COPY BOTH with a walsender, without ever blocking. Owned and used by the main thread.
#pragma once

#include "common/pq/connection.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::agent {

/// START_REPLICATION with and without the option for exact numbers, which older plugins refuse. Not
/// asked before with a function of SQL: that one waits for standbys, without a word, where the
/// stream can say so.
struct StartCommands {
    std::string exact;
    std::string plain;
};

/// The walsender or the plugin stumbled in what it decoded: an internal error of theirs (class XX).
/// One kind comes of the order in which transactions are decoded: what the walsender learned of a
/// table from a transaction that committed earlier (an index that CONCURRENTLY made, "could not
/// open relation with OID …") may be news from the future for a change that was made before it.
bool is_decoding_error(const base::Error& error) noexcept;

class ReplicationStream {
public:
    /// One message of COPY; owns its bytes.
    class Message {
    public:
        Message(char* bytes, std::size_t size) noexcept
            : m_bytes(bytes, &PQfreemem), m_size(size) {}
        std::string_view bytes() const noexcept { return {m_bytes.get(), m_size}; }

    private:
        std::unique_ptr<char, void (*)(void*)> m_bytes;
        std::size_t m_size;
    };

    /// Takes the connection and runs START_REPLICATION. Throws as Connection::exec.
    ReplicationStream(pq::Connection connection, const StartCommands& commands);

    /// A message that has arrived, if any. Throws base::Error when the server ended the stream:
    /// what it said.
    std::optional<Message> next();
    /// Reads what the socket has.
    void read();
    void put(const std::string& message);
    /// Writes what waits; true when nothing waits any more.
    bool flush();
    /// CopyDone, and waits until the server is done too or `patience` is over. Never throws.
    void end(std::chrono::milliseconds patience) noexcept;

    int socket() const noexcept { return m_connection.socket(); }

private:
    pq::Connection m_connection;
};

}  // namespace ardent::agent
