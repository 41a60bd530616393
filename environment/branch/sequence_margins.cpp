// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/sequence_margins.hpp"

#include "common/model/table_definition.hpp"

#include <cstdint>
#include <optional>

namespace ardent::environment {

namespace {

// A sequence feeds a column that owns it (serial, identity), or one whose default calls it: the default depends on the
// sequence. `indexed`: a btree over all rows whose first key is the column itself.
constexpr const char* k_sequences = R"sql(
WITH fed AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attribute
      FROM pg_catalog.pg_depend AS d
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
     UNION
    SELECT d.refobjid, a.adrelid, a.adnum
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_attrdef AS a ON a.oid = d.objid
     WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT n.nspname, c.relname, s.seqincrement, s.seqmin, s.seqmax,
       tn.nspname AS table_schema, t.relname AS table_name, a.attname AS column_name,
       EXISTS (SELECT
                 FROM pg_catalog.pg_index AS i
                 JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
                 JOIN pg_catalog.pg_am AS am ON am.oid = ic.relam
                WHERE i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL
                  AND i.indkey[0] = a.attnum AND am.amname = 'btree') AS indexed
  FROM pg_catalog.pg_sequence AS s
  JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN fed ON fed.sequence = c.oid
  LEFT JOIN pg_catalog.pg_class AS t ON t.oid = fed.relation AND t.relkind IN ('r', 'p')
  LEFT JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = t.oid AND a.attnum = fed.attribute
   AND a.atttypid IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype,
                      'int8'::pg_catalog.regtype)
 ORDER BY n.nspname, c.relname, t.oid
)sql";

struct Sequence {
    model::RelationName name;
    std::int64_t increment = 1;
    std::int64_t least = 1;
    std::int64_t greatest = 1;
    std::int64_t last = 1;  // the one that nextval gave, or is about to give
    bool called = false;
};

// A row of k_sequences: a sequence with one column that it feeds, or with none.
struct Feed {
    model::RelationName table;
    std::string column;  // empty: it feeds none that holds integers
    bool indexed = false;
};

std::string qualified(const model::RelationName& name) {
    return pq::quote_qualified(name.schema, name.name);
}

Sequence read_sequence(pq::Connection& branch, const pq::Result& found, int row) {
    Sequence sequence{{std::string(found.text(row, 0)), std::string(found.text(row, 1))},
                      found.number<std::int64_t>(row, 2),
                      found.number<std::int64_t>(row, 3),
                      found.number<std::int64_t>(row, 4)};
    const pq::Result now =
        branch.exec("SELECT last_value, is_called FROM " + qualified(sequence.name));
    sequence.last = now.number<std::int64_t>(0, 0);
    sequence.called = now.text(0, 1) == "t";
    return sequence;
}

// The value that the sequence would meet last on its way, within its own bounds: what was written by hand beyond them is
// never reached. From the index alone, so that the size of the table does not matter.
std::optional<std::int64_t> furthest_value(pq::Connection& branch, const Sequence& sequence,
                                           const Feed& feed) {
    const std::string column = pq::quote_identifier(feed.column);
    const pq::Result found =
        branch.exec(std::string("SELECT ") + (sequence.increment > 0 ? "max(" : "min(") + column +
                        ") FROM " + qualified(feed.table) + " WHERE " + column +
                        " BETWEEN $1::pg_catalog.int8 AND $2::pg_catalog.int8",
                    {std::to_string(sequence.least), std::to_string(sequence.greatest)});
    if (found.is_null(0, 0)) {
        return std::nullopt;
    }
    return found.number<std::int64_t>(0, 0);
}

// True when nextval would give `value`, or give it later.
bool is_ahead(const Sequence& sequence, std::int64_t value) {
    const bool behind = sequence.increment > 0 ? value < sequence.last : value > sequence.last;
    return !behind && !(sequence.called && value == sequence.last);
}

std::int64_t with_margin(const Sequence& sequence) {
    std::int64_t distance = 0;
    std::int64_t value = 0;
    const bool fits =
        !__builtin_mul_overflow(sequence.increment, std::int64_t{k_sequence_margin}, &distance) &&
        !__builtin_add_overflow(sequence.last, distance, &value) && value >= sequence.least &&
        value <= sequence.greatest;
    return fits ? value : sequence.increment > 0 ? sequence.greatest : sequence.least;
}

void set_value(pq::Connection& branch, Sequence& sequence, std::int64_t value) {
    branch.exec("SELECT pg_catalog.setval($1::pg_catalog.regclass, $2::pg_catalog.int8, true)",
                {qualified(sequence.name), std::to_string(value)});
    sequence.last = value;
    sequence.called = true;
}

}  // namespace

std::vector<std::string> move_sequences(pq::Connection& branch) {
    const pq::Result found = branch.exec(k_sequences);
    std::vector<std::string> by_margin;
    for (int row = 0; row < found.rows();) {
        Sequence sequence = read_sequence(branch, found, row);
        bool known = true;
        bool feeds = false;
        for (; row < found.rows() && found.text(row, 0) == sequence.name.schema &&
               found.text(row, 1) == sequence.name.name;
             ++row) {
            const Feed feed{{std::string(found.text(row, 5)), std::string(found.text(row, 6))},
                            std::string(found.text(row, 7)),
                            found.text(row, 8) == "t"};
            if (feed.column.empty() || !feed.indexed) {
                known = false;
                continue;
            }
            feeds = true;
            const auto value = furthest_value(branch, sequence, feed);
            if (value && is_ahead(sequence, *value)) {
                set_value(branch, sequence, *value);
            }
        }
        if (!known || !feeds) {
            set_value(branch, sequence, with_margin(sequence));
            by_margin.push_back(model::to_string(sequence.name));
        }
    }
    return by_margin;
}

}  // namespace ardent::environment
