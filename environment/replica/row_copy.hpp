// SPDX-License-Identifier: PostgreSQL
// Lines of a COPY … TO of the source on their way into a table of the replica. One thread; nothing
// else may use the connection meanwhile.
#pragma once

#include "common/model/search_paths.hpp"
#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ardent::environment {

struct RowCopyTarget {
    model::TableDefinition table;  // as the source said: its stored columns are the lines' columns
    std::string secret;            // of the connection's writer
    model::SearchPaths paths;      // of the source's writers; the table's owner tells which one
    bool frozen = false;           // visible to all at once: this transaction truncated the table
};

class RowCopy {
public:
    /// The table and its columns are looked up by name. Throws base::Error (replica) when one is
    /// not there.
    RowCopy(pq::Connection& connection, const RowCopyTarget& target);
    /// Waits for an answer that is under way; the lines go with the transaction.
    ~RowCopy();
    RowCopy(const RowCopy&) = delete;
    RowCopy& operator=(const RowCopy&) = delete;

    /// Lines in the server's encoding, cut anywhere. While the server writes, the caller may fetch
    /// the next ones. Throws as Connection::exec what the server says of a line, at the latest in
    /// `finish`.
    void write(std::string_view bytes);
    /// The number of rows.
    std::uint64_t finish();

private:
    void send(std::string_view lines);
    void await_answer();

    pq::Connection& m_connection;
    const std::string m_secret;
    const bool m_frozen;
    std::string m_search_path;
    std::string m_relation;
    std::string m_columns;
    std::string m_buffer;  // lines that wait; the last one may not be whole
    std::uint64_t m_rows = 0;
    bool m_sent = false;
};

}  // namespace ardent::environment
