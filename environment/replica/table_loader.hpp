// SPDX-License-Identifier: PostgreSQL
// Takes the rows of a copy, table by table, part by part (docs/protocol.md, "Copy", step 4). One
// table at a time, in one transaction with a TRUNCATE, so that a table that is begun anew starts
// empty. Calls come from one thread at a time.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "environment/replica/row_copy.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

class TableLoader {
public:
    /// Opens the writer of `apply`, whose statements are UTF-8; rows go through unchanged. `paths`:
    /// of the source's writers, for the functions in the keys of partitioned tables. `secret`: the
    /// writer's.
    TableLoader(std::unique_ptr<pq::Connection> apply, std::vector<model::TableDefinition> tables,
                model::SearchPaths paths, std::string secret);

    /// The rows of the table with its last part, otherwise nothing. Throws HttpError 409
    /// out_of_order for a part that does not follow, 422 malformed for a frame that cannot be read,
    /// and what the server says about a row.
    std::optional<std::uint64_t> part(std::size_t ordinal, std::uint64_t number, bool last,
                                      std::string_view frame);

    /// Empty when every table has as many rows as `counts` says; otherwise what differs.
    std::string compare(const std::vector<std::uint64_t>& counts) const;

    /// The table whose rows come now, for messages; empty before the first.
    std::string current() const;
    std::uint64_t bytes() const noexcept { return m_bytes; }
    pq::Connection& connection() noexcept { return *m_apply; }

private:
    void begin(std::size_t ordinal);
    void give_up();
    void write(std::string_view frame);
    std::uint64_t end();

    std::unique_ptr<pq::Connection> m_apply;
    std::vector<model::TableDefinition> m_tables;
    const model::SearchPaths m_paths;
    const std::string m_secret;
    std::vector<std::optional<std::uint64_t>> m_rows;
    bool m_open = false;              // a table is begun
    std::unique_ptr<RowCopy> m_copy;  // none of a partitioned table
    std::size_t m_current = 0;
    std::uint64_t m_next_part = 0;
    std::uint64_t m_bytes = 0;
};

}  // namespace ardent::environment
