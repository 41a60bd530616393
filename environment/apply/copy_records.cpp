// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/copy_records.hpp"

#include "common/pq/array_text.hpp"

#include <charconv>

namespace ardent::apply {

namespace {

constexpr const char* k_create = R"sql(
CREATE TABLE IF NOT EXISTS ardent.copy_again (
    relation oid PRIMARY KEY,
    why      text NOT NULL,
    since    pg_lsn NOT NULL,
    ddl_xids bigint[] NOT NULL
)
)sql";

constexpr const char* k_create_held = R"sql(
CREATE TABLE IF NOT EXISTS ardent.held (
    relation oid NOT NULL,
    place    bigint GENERATED ALWAYS AS IDENTITY,
    xid      bigint NOT NULL,
    lsn      pg_lsn NOT NULL,
    message  text NOT NULL,
    PRIMARY KEY (relation, place)
)
)sql";

constexpr const char* k_read = R"sql(
SELECT r.relation, n.nspname, c.relname, r.why, r.since, pg_catalog.array_to_string(r.ddl_xids, ','),
       (SELECT pg_catalog.count(*) FROM ardent.held AS h WHERE h.relation OPERATOR(pg_catalog.=) r.relation)
  FROM ardent.copy_again AS r
  JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.relation
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 ORDER BY r.since, r.relation
)sql";

constexpr const char* k_want = R"sql(
INSERT INTO ardent.copy_again AS r (relation, why, since, ddl_xids)
VALUES ($1::pg_catalog.oid, $2, $3::pg_catalog.pg_lsn, ARRAY[$4::pg_catalog.int8])
ON CONFLICT (relation) DO UPDATE SET ddl_xids = r.ddl_xids OPERATOR(pg_catalog.||) excluded.ddl_xids
)sql";

constexpr const char* k_add = R"sql(
UPDATE ardent.copy_again
   SET ddl_xids = ddl_xids OPERATOR(pg_catalog.||) $2::pg_catalog.int8
 WHERE relation OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND NOT $2::pg_catalog.int8 OPERATOR(pg_catalog.=) ANY (ddl_xids)
)sql";

constexpr const char* k_gone = R"sql(
SELECT r.relation, n.nspname, c.relname
  FROM ardent.copy_again AS r
  LEFT JOIN pg_catalog.pg_class AS c
         ON c.oid OPERATOR(pg_catalog.=) r.relation AND c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relpersistence OPERATOR(pg_catalog.=) 'p'
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
)sql";

constexpr const char* k_held = R"sql(
SELECT w.place, w.xid, w.lsn, w.message
  FROM (SELECT h.place, h.xid, h.lsn, h.message,
               pg_catalog.sum(pg_catalog.octet_length(h.message)) OVER (ORDER BY h.place)
                   - pg_catalog.octet_length(h.message) AS before
          FROM (SELECT * FROM ardent.held
                 WHERE relation OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND place OPERATOR(pg_catalog.>) $2::pg_catalog.int8
                 ORDER BY place
                 LIMIT 5000) AS h) AS w
 WHERE w.before OPERATOR(pg_catalog.<) 8388608
 ORDER BY w.place
)sql";

std::vector<std::uint64_t> numbers(std::string_view list) {
    std::vector<std::uint64_t> values;
    while (!list.empty()) {
        std::uint64_t value = 0;
        const auto read = std::from_chars(list.data(), list.data() + list.size(), value);
        list.remove_prefix(static_cast<std::size_t>(read.ptr - list.data()));
        list.remove_prefix(list.empty() ? 0 : 1);
        values.push_back(value);
    }
    return values;
}

}  // namespace

const char* const k_hold = R"sql(
INSERT INTO ardent.held (relation, xid, lsn, message)
VALUES ($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.pg_lsn, $4::pg_catalog.text)
)sql";

void create_copy_records(environment::Superuser& privileged, std::string_view apply_role) {
    privileged->exec(k_create);
    privileged->exec(k_create_held);
    privileged->exec("GRANT SELECT, INSERT, UPDATE, DELETE ON ardent.copy_again, ardent.held TO " +
                     pq::quote_identifier(apply_role));
}

std::vector<CopyRecord> read_copy_records(pq::Connection& connection) {
    const pq::Result rows = connection.exec(k_read);
    std::vector<CopyRecord> records;
    for (int row = 0; row < rows.rows(); ++row) {
        CopyRecord record;
        record.relation = rows.number<std::uint32_t>(row, 0);
        record.name = {std::string(rows.text(row, 1)), std::string(rows.text(row, 2))};
        record.why = rows.text(row, 3);
        record.since = model::parse_lsn(rows.text(row, 4)).value_or(model::Lsn{});
        record.ddl_xids = numbers(rows.text(row, 5));
        record.held = rows.number<std::uint64_t>(row, 6);
        records.push_back(std::move(record));
    }
    return records;
}

void want_copy(pq::Connection& connection, const replay::CopyWanted& wanted, model::Lsn since,
               std::uint64_t xid) {
    connection.exec(k_want, {std::to_string(wanted.relation), wanted.why, model::to_string(since),
                             std::to_string(xid)});
}

void add_ddl(pq::Connection& connection, std::uint32_t relation, std::uint64_t xid) {
    connection.exec(k_add, {std::to_string(relation), std::to_string(xid)});
}

void forget_copy(pq::Connection& connection, std::uint32_t relation) {
    const std::string oid = std::to_string(relation);
    connection.exec(
        "DELETE FROM ardent.held WHERE relation OPERATOR(pg_catalog.=) $1::pg_catalog.oid", {oid});
    connection.exec(
        "DELETE FROM ardent.generated WHERE relation OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
        {oid});
    connection.exec(
        "DELETE FROM ardent.copy_again WHERE relation OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
        {oid});
}

void forget_what_is_gone(pq::Connection& connection, const replay::Scope& scope) {
    const pq::Result rows = connection.exec(k_gone);
    for (int row = 0; row < rows.rows(); ++row) {
        const model::RelationName name{std::string(rows.text(row, 1)),
                                       std::string(rows.text(row, 2))};
        if (rows.is_null(row, 2) || !replay::carries(scope, name)) {
            forget_copy(connection, rows.number<std::uint32_t>(row, 0));
        }
    }
}

std::vector<HeldChange> read_held(pq::Connection& connection, std::uint32_t relation,
                                  std::uint64_t place) {
    const pq::Result rows =
        connection.exec(k_held, {std::to_string(relation), std::to_string(place)});
    std::vector<HeldChange> changes;
    for (int row = 0; row < rows.rows(); ++row) {
        changes.push_back({rows.number<std::uint64_t>(row, 0), rows.number<std::uint64_t>(row, 1),
                           model::parse_lsn(rows.text(row, 2)).value_or(model::Lsn{}),
                           std::string(rows.text(row, 3))});
    }
    return changes;
}

}  // namespace ardent::apply
