// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <array>
#include <utility>

namespace ardent::preflight {

namespace {

constexpr long k_counted_objects = 10000;
constexpr std::size_t k_table = 2;

constexpr Observation k_large_objects = {R"(
SELECT pg_catalog.count(*)
  FROM (SELECT FROM pg_catalog.pg_largeobject_metadata AS m LIMIT 10001) AS l
)"};

// What ANALYZE saw in columns of numbers and times; no table is read.
constexpr Observation k_special_values = {R"(
WITH wanted AS MATERIALIZED (
    SELECT n.nspname, c.relname, a.attname,
           CASE WHEN a.atttypid IN ('pg_catalog.float4'::pg_catalog.regtype,
                                    'pg_catalog.float8'::pg_catalog.regtype,
                                    'pg_catalog.numeric'::pg_catalog.regtype)
                THEN 'number '
                ELSE 'time '
           END AS words
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.reltuples > 0
       AND a.attnum > 0 AND NOT a.attisdropped
       AND a.atttypid IN ('pg_catalog.float4'::pg_catalog.regtype,
                          'pg_catalog.float8'::pg_catalog.regtype,
                          'pg_catalog.numeric'::pg_catalog.regtype,
                          'pg_catalog.date'::pg_catalog.regtype,
                          'pg_catalog.timestamp'::pg_catalog.regtype,
                          'pg_catalog.timestamptz'::pg_catalog.regtype)
), seen AS MATERIALIZED (
    SELECT w.words, w.nspname, w.relname, w.attname, s.most_common_vals, s.histogram_bounds
      FROM wanted AS w
      JOIN pg_catalog.pg_stats AS s ON s.schemaname = w.nspname AND s.tablename = w.relname
                                   AND s.attname = w.attname AND NOT s.inherited
)
SELECT s.words, pg_catalog.format('%I.%I.%I', s.nspname, s.relname, s.attname),
       pg_catalog.format('%I.%I', s.nspname, s.relname), s.nspname || '.' || s.relname
  FROM seen AS s
 WHERE pg_catalog.concat(s.most_common_vals::text, s.histogram_bounds::text)
       ~ '(Infinity|infinity|NaN| BC|[0-9]{5,}-[0-9]{2}-)'
 ORDER BY 2
)",
                                          Arguments::schemas};

Outcome judge_large_objects(const Context& context) {
    const long count = context.number(0, 0);
    Outcome outcome;
    outcome.actual = count > k_counted_objects ? "more than 10000" : std::to_string(count);
    if (count == 0) {
        return outcome;
    }
    outcome.shown = outcome.actual;
    outcome.details = {"Large objects are not in the stream: replica and branches will lack them."};
    if (context.request.accept.large_objects) {
        outcome.status = Status::info;
        outcome.details.emplace_back("Accepted.");
        return outcome;
    }
    outcome.status = Status::fail;
    outcome.hint =
        "Say accept => '{\"large_objects\": true}' (from outside: --accept '{\"large_objects\": "
        "true}') when that is all right, or remove the large objects.";
    return outcome;
}

Outcome judge_inexact(const Context& context) {
    if (context.inside.plugin && context.inside.plugin->says_nan) {
        Outcome outcome;
        outcome.actual = "wal2json knows numeric-data-types-as-string";
        return outcome;
    }
    Outcome outcome =
        listed(flagged(context, {"inexact", k_table}), Status::warn,
               "wal2json below 2.6 says null for NaN and Infinity; these columns allow "
               "NULL, so the replica would hold NULL instead:",
               "Nothing to do when these columns never hold NaN or Infinity; otherwise "
               "install wal2json 2.6 or newer.");
    outcome.shown.clear();
    return outcome;
}

Outcome judge_special(const Context& context) {
    const bool exact = context.inside.plugin && context.inside.plugin->says_nan;
    std::vector<std::string> numbers = flagged(context, {"number", k_table});
    if (!numbers.empty() && !exact) {
        return listed(std::move(numbers), Status::warn,
                      "ANALYZE saw NaN or Infinity here, which wal2json below 2.6 says as null:",
                      "Install wal2json 2.6 or newer.");
    }
    std::vector<std::string> all = flagged(context, {"time", k_table});
    all.insert(all.end(), numbers.begin(), numbers.end());
    return listed(
        std::move(all), Status::info,
        "Values such as infinity, NaN, years BC or beyond 9999 are replicated as they are; "
        "what reads a branch must know them:");
}

Outcome judge_generated(const Context& context) {
    return counted(flagged(context, {"generated", k_table}),
                   "Stored ones have the source's values in the replica, too, whatever made them.");
}

Outcome judge_references(const Context& context) {
    return listed(flagged(context, {"reference", k_table}), Status::warn,
                  "Columns that can hold the number of a large object, which the replica will not "
                  "have:",
                  "Keep the contents in bytea columns.");
}

Outcome judge_extension_types(const Context& context) {
    return listed(flagged(context, {"extension", k_table}), Status::warn,
                  "Columns of types that an extension brings:",
                  "Have the same extension installed on the environment's host.");
}

Outcome judge_extension_keys(const Context& context) {
    return listed(flagged(context, {"extension_key", k_table}), Status::warn,
                  "Keys of a type that an extension brings: the replica finds their rows by the "
                  "extension's own operator, so an older version there may find others:",
                  "Have the same version of the extension on the environment's host, or choose "
                  "another key with REPLICA IDENTITY USING INDEX.");
}

Outcome judge_structured(const Context& context) {
    return listed(
        flagged(context, {"structured", k_table}), Status::info,
        "Enumerations and composite types: a new label or attribute stops the connector until "
        "the replica has it too:",
        "Set the connector up again after such a change.");
}

constexpr Section k_here = Section::columns;

}  // namespace

// One pass over pg_attribute: each column that has something to say, with a word for each thing.
const Observation k_columns = {R"(
WITH brought AS MATERIALIZED (
    SELECT d.objid, e.extname
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'e'
), relation AS (
    SELECT c.oid, n.nspname, c.relname
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
      LEFT JOIN pg_catalog.pg_depend AS e
             ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid
            AND e.objsubid = 0 AND e.deptype = 'e'
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND e.objid IS NULL
), described AS (
    SELECT r.nspname, r.relname, a.attname, a.attnum,
           pg_catalog.concat(
               CASE WHEN NOT a.attnotnull AND a.attgenerated = ''
                         AND a.atttypid IN ('pg_catalog.float4'::pg_catalog.regtype,
                                            'pg_catalog.float8'::pg_catalog.regtype,
                                            'pg_catalog.numeric'::pg_catalog.regtype)
                    THEN 'inexact ' END,
               CASE WHEN a.attgenerated <> '' THEN 'generated ' END,
               CASE WHEN l.present AND (a.atttypid = 'pg_catalog.oid'::pg_catalog.regtype
                                        OR t.typname = 'lo')
                    THEN 'reference ' END,
               CASE WHEN b.objid IS NOT NULL THEN 'extension ' END,
               CASE WHEN b.extname <> 'citext'
                         AND EXISTS (SELECT FROM pg_catalog.pg_index AS x
                                      WHERE x.indrelid = r.oid AND (x.indisprimary OR x.indisreplident)
                                        AND a.attnum = ANY (x.indkey::pg_catalog.int2[]))
                    THEN 'extension_key ' END,
               CASE WHEN t.typtype IN ('c', 'e') AND b.objid IS NULL THEN 'structured ' END) AS words
      FROM relation AS r
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_catalog.pg_type AS d ON d.oid = a.atttypid
      JOIN pg_catalog.pg_type AS t
        ON t.oid = CASE WHEN d.typlen = -1 AND d.typelem <> 0 THEN d.typelem ELSE d.oid END
      LEFT JOIN brought AS b ON b.objid = t.oid
     CROSS JOIN (SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)) AS l (present)
)
SELECT d.words, pg_catalog.format('%I.%I.%I', d.nspname, d.relname, d.attname),
       pg_catalog.format('%I.%I', d.nspname, d.relname), d.nspname || '.' || d.relname
  FROM described AS d
 WHERE d.words <> ''
 ORDER BY 3, d.attnum
)",
                               Arguments::schemas};

Checks column_checks() noexcept {
    static const std::array<Check, 8> k_checks = {{
        {"large_objects", k_here, "large objects", "none, or accepted", &k_large_objects,
         judge_large_objects},
        {"large_object_columns", k_here, "large object columns", "none", &k_columns,
         judge_references, false},
        {"exact_numbers", k_here, "exact numbers", "wal2json 2.6, or no such column", &k_columns,
         judge_inexact, false},
        {"special_values", k_here, "special values", "none seen", &k_special_values, judge_special,
         false},
        {"generated_columns", k_here, "generated columns", "none", &k_columns, judge_generated,
         false},
        {"extension_types", k_here, "extension types", "none", &k_columns, judge_extension_types},
        {"extension_type_keys", k_here, "extension type keys", "none", &k_columns,
         judge_extension_keys},
        {"structured_types", k_here, "structured types", "none", &k_columns, judge_structured,
         false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
