// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/table_loader.hpp"

#include "common/base/text.hpp"
#include "common/protocol/frame.hpp"
#include "environment/replica/writer_functions.hpp"
#include "environment/server/http.hpp"

namespace ardent::environment {

namespace {

using model::TableDefinition;

HttpError out_of_order(const std::string& detail) {
    return {409, "out_of_order", detail};
}

HttpError malformed(const std::string& detail) {
    return {422, "malformed", detail};
}

std::optional<std::string_view> next_piece(protocol::FrameReader& reader) {
    try {
        return reader.next();
    } catch (const base::Error& error) {
        throw malformed(std::string("the part: ") + error.what());
    }
}

}  // namespace

TableLoader::TableLoader(std::unique_ptr<pq::Connection> apply, std::vector<TableDefinition> tables,
                         model::SearchPaths paths, std::string secret)
    : m_apply(std::move(apply)),
      m_tables(std::move(tables)),
      m_paths(std::move(paths)),
      m_secret(std::move(secret)),
      m_rows(m_tables.size()) {
    open_writer(*m_apply, m_secret);
}

std::optional<std::uint64_t> TableLoader::part(std::size_t ordinal, std::uint64_t number, bool last,
                                               std::string_view frame) {
    if (ordinal >= m_tables.size()) {
        throw malformed("there is no table " + std::to_string(ordinal) + " in this copy");
    }
    if (m_rows[ordinal]) {
        return last ? m_rows[ordinal] : std::nullopt;
    }
    if (m_open && m_current != ordinal) {
        throw out_of_order("table " + std::to_string(m_current) + " is not finished");
    }
    if (m_open && number > 0 && number < m_next_part) {
        return std::nullopt;
    }
    if (number == 0) {
        begin(ordinal);
    } else if (!m_open || number != m_next_part) {
        throw out_of_order("part " + std::to_string(number) + " of table " +
                           std::to_string(ordinal) + " does not follow what arrived");
    }
    try {
        write(frame);
    } catch (const HttpError&) {
        give_up();  // what was written of a damaged part must not stay
        throw;
    }
    ++m_next_part;
    return last ? std::optional(end()) : std::nullopt;
}

void TableLoader::begin(std::size_t ordinal) {
    const TableDefinition& table = m_tables[ordinal];
    give_up();
    m_current = ordinal;
    m_next_part = 0;
    m_apply->exec("BEGIN");
    m_open = true;
    if (table.kind == 'p') {
        return;  // its rows are in its leaves
    }
    m_apply->exec("TRUNCATE ONLY " +
                  pq::quote_qualified(table.relation.schema, table.relation.name));
    m_copy = std::make_unique<RowCopy>(*m_apply, RowCopyTarget{table, m_secret, m_paths, true});
}

void TableLoader::give_up() {
    m_copy.reset();
    if (m_open) {
        m_open = false;
        m_apply->exec("ROLLBACK");
    }
}

void TableLoader::write(std::string_view frame) {
    if (frame.empty()) {
        return;
    }
    protocol::FrameReader reader(frame);
    while (const auto piece = next_piece(reader)) {
        if (!m_copy && !piece->empty()) {
            throw malformed("a partitioned table has no rows of its own");
        }
        if (m_copy) {
            m_copy->write(*piece);
        }
        m_bytes += piece->size();
    }
}

std::uint64_t TableLoader::end() {
    const std::uint64_t rows = m_copy ? m_copy->finish() : 0;
    m_copy.reset();
    m_apply->exec("COMMIT");
    m_open = false;
    m_rows[m_current] = rows;
    return rows;
}

std::string TableLoader::compare(const std::vector<std::uint64_t>& counts) const {
    if (counts.size() != m_tables.size()) {
        return "the copy has " + std::to_string(m_tables.size()) + " tables and counts came for " +
               std::to_string(counts.size());
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const std::uint64_t written = m_rows[i].value_or(0);
        if (written != counts[i] || (!m_rows[i] && counts[i] > 0)) {
            return "table " + model::to_string(m_tables[i].relation) + " has " +
                   std::to_string(written) + " rows here and " + std::to_string(counts[i]) +
                   " were sent";
        }
    }
    return {};
}

std::string TableLoader::current() const {
    return m_tables.empty() ? std::string() : model::to_string(m_tables[m_current].relation);
}

}  // namespace ardent::environment
