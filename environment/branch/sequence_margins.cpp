// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/sequence_margins.hpp"

#include "common/model/table_definition.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <future>
#include <span>

namespace ardent::environment {

namespace {

// A sequence feeds a column that owns it (serial, identity), or one whose default calls it: the
// default depends on the sequence. `indexed`: a btree over all rows whose first key is the column
// itself.
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

// A column that a sequence feeds.
struct Feed {
    model::RelationName table;
    std::string column;
};

struct Sequence {
    model::RelationName name;
    std::int64_t increment = 1;
    std::int64_t least = 1;
    std::int64_t greatest = 1;
    std::int64_t last = 1;  // the one that nextval gave, or is about to give
    bool called = false;
    bool moved = false;
    bool unknown = false;  // it feeds something that no index tells
    std::vector<Feed> feeds;
};

std::string qualified(const model::RelationName& name) {
    return pq::quote_qualified(name.schema, name.name);
}

std::vector<Sequence> read_sequences(pq::Connection& branch) {
    const pq::Result found = branch.exec(k_sequences);
    std::vector<Sequence> sequences;
    for (int row = 0; row < found.rows(); ++row) {
        const model::RelationName name{std::string(found.text(row, 0)),
                                       std::string(found.text(row, 1))};
        if (sequences.empty() || sequences.back().name != name) {
            sequences.push_back({name, found.number<std::int64_t>(row, 2),
                                 found.number<std::int64_t>(row, 3),
                                 found.number<std::int64_t>(row, 4)});
        }
        const bool indexed = !found.is_null(row, 7) && found.text(row, 8) == "t";
        if (indexed) {
            sequences.back().feeds.push_back(
                {{std::string(found.text(row, 5)), std::string(found.text(row, 6))},
                 std::string(found.text(row, 7))});
        } else {
            sequences.back().unknown = true;
        }
    }
    return sequences;
}

// Runs `parts`, SELECTs of the same columns, as fewer statements, because a round trip for each
// would be most of the time of ten thousand tables. With 100 parts a statement takes longer for
// each of them again than with 20 (tried on 15).
void select_all(pq::Connection& branch, const std::vector<std::string>& parts,
                const std::function<void(const pq::Result& found, int row)>& take) {
    constexpr std::size_t k_at_once = 20;
    for (std::size_t begin = 0; begin < parts.size(); begin += k_at_once) {
        std::string sql;
        for (std::size_t i = begin; i < std::min(parts.size(), begin + k_at_once); ++i) {
            sql += (i == begin ? "" : " UNION ALL ") + parts[i];
        }
        const pq::Result found = branch.exec(sql);
        for (int row = 0; row < found.rows(); ++row) {
            take(found, row);
        }
    }
}

std::string as_bigint(std::int64_t value) {
    return "'" + std::to_string(value) + "'::pg_catalog.int8";
}

void read_values(pq::Connection& branch, std::span<Sequence> sequences) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        parts.push_back("SELECT " + std::to_string(i) + ", last_value, is_called FROM " +
                        qualified(sequences[i].name));
    }
    select_all(branch, parts, [&](const pq::Result& found, int row) {
        Sequence& sequence = sequences[found.number<std::size_t>(row, 0)];
        sequence.last = found.number<std::int64_t>(row, 1);
        sequence.called = found.text(row, 2) == "t";
    });
}

// True when nextval would give `value`, or give it later.
bool is_ahead(const Sequence& sequence, std::int64_t value) {
    const bool behind = sequence.increment > 0 ? value < sequence.last : value > sequence.last;
    return !behind && !(sequence.called && value == sequence.last);
}

void move_to(Sequence& sequence, std::int64_t value) {
    sequence.last = value;
    sequence.called = true;
    sequence.moved = true;
}

// The value of the column that the sequence would meet last on its way, within its own bounds: what
// was written by hand beyond them is never reached. From the index alone, so that the size of the
// table does not matter.
std::string furthest_value(std::size_t place, const Sequence& sequence, const Feed& feed) {
    const std::string column = pq::quote_identifier(feed.column);
    return "SELECT " + std::to_string(place) + ", pg_catalog." +
           (sequence.increment > 0 ? "max(" : "min(") + column + ")::pg_catalog.int8 FROM " +
           qualified(feed.table) + " WHERE " + column + " BETWEEN " + as_bigint(sequence.least) +
           " AND " + as_bigint(sequence.greatest);
}

void pass_rows(pq::Connection& branch, std::span<Sequence> sequences) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        for (const Feed& feed : sequences[i].feeds) {
            parts.push_back(furthest_value(i, sequences[i], feed));
        }
    }
    select_all(branch, parts, [&](const pq::Result& found, int row) {
        Sequence& sequence = sequences[found.number<std::size_t>(row, 0)];
        if (!found.is_null(row, 1) && is_ahead(sequence, found.number<std::int64_t>(row, 1))) {
            move_to(sequence, found.number<std::int64_t>(row, 1));
        }
    });
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

void set_values(pq::Connection& branch, std::span<const Sequence> sequences) {
    std::vector<std::string> parts;
    for (const Sequence& sequence : sequences) {
        if (sequence.moved) {
            parts.push_back("SELECT pg_catalog.setval(" +
                            branch.quote_literal(qualified(sequence.name)) +
                            "::pg_catalog.regclass, " + as_bigint(sequence.last) + ", true)");
        }
    }
    select_all(branch, parts, [](const pq::Result&, int) {});
}

void move(pq::Connection& branch, std::span<Sequence> sequences) {
    read_values(branch, sequences);
    pass_rows(branch, sequences);
    for (Sequence& sequence : sequences) {
        if (sequence.unknown) {
            move_to(sequence, with_margin(sequence));
        }
    }
    set_values(branch, sequences);
}

// None of the pages is in memory yet: several sessions wait for the disk at once.
void move_in_sessions(const pq::ConnectOptions& options, pq::Connection& first,
                      std::span<Sequence> sequences) {
    constexpr std::size_t k_sessions = 4;
    constexpr std::size_t k_worth_a_session = 200;
    const std::size_t share =
        std::max(k_worth_a_session, (sequences.size() + k_sessions - 1) / k_sessions);
    std::vector<std::future<void>> others;  // each is waited for when it goes
    for (std::size_t begin = share; begin < sequences.size(); begin += share) {
        others.push_back(std::async(std::launch::async, [&options, sequences, begin, share] {
            pq::Connection own(options);
            move(own, sequences.subspan(begin, std::min(share, sequences.size() - begin)));
        }));
    }
    move(first, sequences.first(std::min(share, sequences.size())));
    for (std::future<void>& other : others) {
        other.get();
    }
}

}  // namespace

std::vector<std::string> move_sequences(const pq::ConnectOptions& options) {
    pq::Connection branch(options);
    std::vector<Sequence> sequences = read_sequences(branch);
    move_in_sessions(options, branch, sequences);
    std::vector<std::string> by_margin;
    for (const Sequence& sequence : sequences) {
        if (sequence.unknown) {
            by_margin.push_back(model::to_string(sequence.name));
        }
    }
    return by_margin;
}

}  // namespace ardent::environment
