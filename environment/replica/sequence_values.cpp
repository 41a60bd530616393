// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/sequence_values.hpp"

#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

#include <algorithm>
#include <span>

namespace ardent::environment {

namespace {

using Values = std::span<const protocol::SequenceValue>;
using Troubles = std::map<model::RelationName, std::string>;

constexpr std::size_t k_chunk = 100;
constexpr std::size_t k_reason_bytes = 200;

// One that was never called has no last value, and is set again.
constexpr const char* k_set = R"sql(
SELECT w.place,
       CASE WHEN c.oid IS NULL THEN 'the replica has no such sequence'
            WHEN w.value NOT BETWEEN s.seqmin AND s.seqmax THEN 'outside of its limits in the replica'
            WHEN c.oid IN (SELECT l.relation
                             FROM pg_catalog.pg_locks AS l
                            WHERE l.locktype = 'relation'
                              AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                                 WHERE d.datname = pg_catalog.current_database())
                              AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                                             'AccessExclusiveLock'))
            THEN 'locked in the replica'
            WHEN w.called AND pg_catalog.pg_sequence_last_value(c.oid) = w.value THEN ''
            WHEN pg_catalog.setval(c.oid::pg_catalog.regclass, w.value, w.called) IS NOT NULL THEN ''
            END
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),
                  pg_catalog.unnest($3::pg_catalog.int8[]), pg_catalog.unnest($4::pg_catalog.bool[]))
       WITH ORDINALITY AS w (schema, name, value, called, place)
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema
  LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind = 'S'
  LEFT JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
)sql";

void set_chunk(pq::Connection& apply, Values values, Troubles& troubles) {
    pq::ArrayText schemas;
    pq::ArrayText names;
    pq::ArrayText numbers;
    pq::ArrayText called;
    for (const protocol::SequenceValue& value : values) {
        schemas.add(value.name.schema);
        names.add(value.name.name);
        numbers.add(std::to_string(value.last_value));
        called.add(value.called ? "t" : "f");
    }
    const pq::Result result =
        apply.exec(k_set, {schemas.finish(), names.finish(), numbers.finish(), called.finish()});
    for (int row = 0; row < result.rows(); ++row) {
        if (!result.text(row, 1).empty()) {
            troubles.emplace(values[result.number<std::size_t>(row, 0) - 1].name,
                             result.text(row, 1));
        }
    }
}

// Half by half, so that one that cannot be set holds back no other. setval is not undone with its
// transaction.
void set_some(pq::Connection& apply, Values values, Troubles& troubles) {
    try {
        set_chunk(apply, values, troubles);
    } catch (const base::Error& error) {
        if (!apply.ok()) {
            throw;
        }
        if (values.size() == 1) {
            troubles.emplace(values.front().name, base::clip_utf8(error.what(), k_reason_bytes));
            return;
        }
        set_some(apply, values.first(values.size() / 2), troubles);
        set_some(apply, values.subspan(values.size() / 2), troubles);
    }
}

}  // namespace

Troubles set_sequences(pq::Connection& apply, const std::vector<protocol::SequenceValue>& values) {
    apply.exec("SET lock_timeout = '100ms'; SET statement_timeout = '5s'");
    Troubles troubles;
    const Values all(values);
    for (std::size_t at = 0; at < all.size(); at += k_chunk) {
        set_some(apply, all.subspan(at, std::min(k_chunk, all.size() - at)), troubles);
    }
    return troubles;
}

}  // namespace ardent::environment
