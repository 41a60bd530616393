// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/row_copy.hpp"

#include "common/pq/array_text.hpp"

#include <array>
#include <vector>

namespace ardent::environment {

namespace {

constexpr std::size_t k_send_bytes = std::size_t{1} << 20U;
// What a server takes in one message (PQ_LARGE_MESSAGE_LIMIT), less the other parameters.
constexpr std::size_t k_most_bytes = (std::size_t{1} << 30U) - (std::size_t{64} << 10U);

constexpr const char* k_copy = R"sql(
SELECT ardent.copy_rows($1::pg_catalog.bytea, $2::pg_catalog.oid, $3::pg_catalog.text,
                        $4::pg_catalog.int2[], $5::pg_catalog.bytea, $6::pg_catalog.bool)
)sql";

constexpr const char* k_columns = R"sql(
SELECT c.oid, (SELECT pg_catalog.array_agg(a.attnum ORDER BY w.place)
                 FROM pg_catalog.unnest($3::pg_catalog.text[]) WITH ORDINALITY AS w (name, place)
                 LEFT JOIN pg_catalog.pg_attribute AS a
                        ON a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped),
       pg_catalog.pg_get_userbyid(c.relowner)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2
)sql";

}  // namespace

RowCopy::RowCopy(pq::Connection& connection, const RowCopyTarget& target)
    : m_connection(connection), m_secret(target.secret), m_frozen(target.frozen) {
    const model::RelationName& name = target.table.relation;
    std::vector<std::string> columns;
    for (const model::ColumnDefinition& column : target.table.columns) {
        if (column.stored()) {
            columns.push_back(column.name);
        }
    }
    const pq::Result found =
        connection.exec(k_columns, {name.schema, name.name, pq::array_text(columns)});
    if (found.rows() == 0 || found.text(0, 1).find("NULL") != std::string_view::npos) {
        throw base::Error(
            base::ErrorKind::replica,
            "the replica has no table " + model::to_string(name) + " with the source's columns",
            "The table changed at the source meanwhile; run retry-setup.");
    }
    m_relation = found.text(0, 0);
    m_search_path = target.paths.of(std::string(found.text(0, 2)));
    m_columns = columns.empty() ? "{}" : std::string(found.text(0, 1));
}

RowCopy::~RowCopy() {
    try {
        while (m_sent && m_connection.next_result().handle() != nullptr) {}
    } catch (const base::Error&) {
        m_sent = false;  // the connection is closed, and what comes next on it says so
    }
}

void RowCopy::write(std::string_view bytes) {
    if (m_buffer.size() + bytes.size() > k_most_bytes) {
        throw base::Error(base::ErrorKind::replica,
                          "a row of more than 1 GB came, which no server of PostgreSQL takes");
    }
    // Only what is new is searched: a line may have hundreds of megabytes.
    const std::size_t end = bytes.rfind('\n') + 1;
    if (m_buffer.size() + bytes.size() < k_send_bytes || end == 0) {
        m_buffer.append(bytes);
        return;
    }
    m_buffer.append(bytes.substr(0, end));
    send(m_buffer);
    m_buffer.assign(bytes.substr(end));
}

void RowCopy::send(std::string_view lines) {
    await_answer();
    // The lines go as they are (binary), the others as text.
    const std::array<const char*, 6> values{m_secret.c_str(),      m_relation.c_str(),
                                            m_search_path.c_str(), m_columns.c_str(),
                                            lines.data(),          m_frozen ? "t" : "f"};
    const std::array<int, 6> lengths{0, 0, 0, 0, static_cast<int>(lines.size()), 0};
    const std::array<int, 6> formats{0, 0, 0, 0, 1, 0};
    if (PQsendQueryParams(m_connection.handle(), k_copy, 6, nullptr, values.data(), lengths.data(),
                          formats.data(), 0) != 1) {
        throw m_connection.failure("COPY");
    }
    m_sent = true;
}

void RowCopy::await_answer() {
    if (!m_sent) {
        return;
    }
    m_sent = false;
    const pq::Result result = m_connection.next_result();
    while (m_connection.next_result().handle() != nullptr) {}
    m_connection.check(result.handle(), {});
    m_rows += result.number<std::uint64_t>(0, 0);
}

std::uint64_t RowCopy::finish() {
    if (!m_buffer.empty()) {
        send(m_buffer);
    }
    await_answer();
    m_buffer.clear();
    return m_rows;
}

}  // namespace ardent::environment
