// SPDX-License-Identifier: PostgreSQL
#include "agent/source/sequences.hpp"

#include "common/pq/array_text.hpp"
#include "common/pq/table_catalog.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>

namespace ardent::agent {

namespace {

using model::RelationName;

// A lock each until the statement ends, of a table that all sessions of the server share.
constexpr std::size_t k_chunk = 100;
constexpr int k_exact_function = 180000;  // pg_get_sequence_data
constexpr std::uint64_t k_wal_page = 8192;

// Reading takes ROW EXCLUSIVE on a sequence. Who waits for a lock that is in our way is as good as
// who has it.
constexpr const char* k_list = R"sql(
SELECT c.oid, n.nspname, c.relname,
       pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
       c.oid IN (SELECT l.relation
                   FROM pg_catalog.pg_locks AS l
                  WHERE l.locktype = 'relation'
                    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                       WHERE d.datname = pg_catalog.current_database())
                    AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname = ANY ($1::pg_catalog.text[])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                      AND d.objsubid = 0 AND d.deptype = 'e')
   AND NOT EXISTS (SELECT
                     FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]),
                                     pg_catalog.unnest($3::pg_catalog.text[])) AS x (schema, name)
                     JOIN pg_catalog.pg_namespace AS m ON m.nspname = x.schema
                     JOIN pg_catalog.pg_class AS t ON t.relnamespace = m.oid AND t.relname = x.name
                    WHERE t.oid = c.oid
                       OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                                   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                                     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                     AND d.refobjid = t.oid AND d.deptype IN ('a', 'i')))
 ORDER BY c.oid
)sql";

// One that was dropped since is missing.
constexpr const char* k_values = R"sql(
SELECT c.oid, pg_catalog.pg_sequence_last_value(c.oid), true
  FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u (oid)
  JOIN pg_catalog.pg_class AS c ON c.oid = u.oid
)sql";

constexpr const char* k_exact_values = R"sql(
SELECT c.oid, d.last_value, d.is_called
  FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u (oid)
  JOIN pg_catalog.pg_class AS c ON c.oid = u.oid
 CROSS JOIN LATERAL pg_catalog.pg_get_sequence_data(c.oid) AS d
)sql";

constexpr const char* k_position = R"sql(
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_flush_lsn() END
)sql";

struct Listed {
    std::string oid;
    RelationName name;
};

class Reader {
public:
    Reader(pq::Connection& connection, SequenceLook& look, const std::function<bool()>& go_on)
        : m_connection(connection), m_look(look), m_go_on(go_on) {}

    void read(const std::vector<Listed>& sequences) {
        const std::span<const Listed> all(sequences);
        for (std::size_t at = 0; at < all.size(); at += k_chunk) {
            read_some(all.subspan(at, std::min(k_chunk, all.size() - at)), &Reader::by_function);
        }
        const std::vector<Listed> uncalled = std::move(m_uncalled);
        const std::span<const Listed> rest(uncalled);
        for (std::size_t at = 0; at < rest.size(); at += k_chunk) {
            read_some(rest.subspan(at, std::min(k_chunk, rest.size() - at)), &Reader::by_name);
        }
    }

private:
    using Part = std::span<const Listed>;

    // Half by half, so that one that was locked or dropped since holds back no other.
    void read_some(Part part, void (Reader::*how)(Part)) {
        if (!m_go_on()) {
            throw base::Error(base::ErrorKind::transient, "reading the sequences was given up");
        }
        try {
            (this->*how)(part);
        } catch (const base::Error&) {
            if (!m_connection.ok()) {
                throw;
            }
            if (part.size() == 1) {
                m_look.busy.push_back(part.front().name);
                return;
            }
            read_some(part.first(part.size() / 2), how);
            read_some(part.subspan(part.size() / 2), how);
        }
    }

    void by_function(Part part) {
        pq::ArrayText oids;
        std::unordered_map<std::string_view, const Listed*> names;
        for (const Listed& sequence : part) {
            oids.add(sequence.oid);
            names.emplace(sequence.oid, &sequence);
        }
        const bool exact = m_connection.server_version() >= k_exact_function;
        const pq::Result result =
            m_connection.exec(exact ? k_exact_values : k_values, {oids.finish()});
        for (int row = 0; row < result.rows(); ++row) {
            const Listed& sequence = *names.at(result.text(row, 0));
            if (!result.is_null(row, 1)) {
                m_look.values.push_back({sequence.name, result.number<std::int64_t>(row, 1),
                                         result.text(row, 2) == "t"});
            } else if (exact) {
                m_look.unreadable.push_back(sequence.name);  // the right was revoked since
            } else {
                m_uncalled.push_back(sequence);
            }
        }
    }

    void by_name(Part part) {
        std::string sql;
        for (std::size_t i = 0; i < part.size(); ++i) {
            sql += (i == 0 ? "SELECT " : " UNION ALL SELECT ") + std::to_string(i) +
                   ", last_value, is_called FROM " +
                   pq::quote_qualified(part[i].name.schema, part[i].name.name);
        }
        const pq::Result result = m_connection.exec(sql);
        for (int row = 0; row < result.rows(); ++row) {
            m_look.values.push_back({part[result.number<std::size_t>(row, 0)].name,
                                     result.number<std::int64_t>(row, 1),
                                     result.text(row, 2) == "t"});
        }
    }

    pq::Connection& m_connection;
    SequenceLook& m_look;
    const std::function<bool()>& m_go_on;
    std::vector<Listed> m_uncalled;
};

}  // namespace

// A flush may end inside of a record of an open transaction, at the end of a page: nothing ever
// streams up to there, and the rest may wait for the next commit. Records that are longer than two
// pages are rare enough.
model::Lsn reachable(model::Lsn flushed) noexcept {
    const bool inside = flushed.value % k_wal_page == 0 && flushed.value > 2 * k_wal_page;
    return inside ? model::Lsn{flushed.value - 2 * k_wal_page} : flushed;
}

SequenceLook read_sequences(pq::Connection& connection, const std::vector<std::string>& schemas,
                            const std::vector<RelationName>& excluded,
                            const std::function<bool()>& go_on) {
    SequenceLook look;
    const pq::NameArrays names = pq::name_arrays(excluded);
    connection.exec("SET lock_timeout = '100ms'");
    const pq::Result list =
        connection.exec(k_list, {pq::array_text(schemas), names.schemas, names.names});
    std::vector<Listed> free;
    for (int row = 0; row < list.rows(); ++row) {
        Listed sequence{std::string(list.text(row, 0)),
                        {std::string(list.text(row, 1)), std::string(list.text(row, 2))}};
        if (list.text(row, 3) != "t") {
            look.unreadable.push_back(std::move(sequence.name));
        } else if (list.text(row, 4) == "t") {
            look.busy.push_back(std::move(sequence.name));
        } else {
            free.push_back(std::move(sequence));
        }
    }
    Reader(connection, look, go_on).read(free);
    look.lsn = reachable(
        model::parse_lsn(connection.value(k_position).value_or("")).value_or(model::Lsn{}));
    return look;
}

}  // namespace ardent::agent
