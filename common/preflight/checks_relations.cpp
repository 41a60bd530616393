// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <array>

namespace ardent::preflight {

namespace {

constexpr std::size_t k_many_tables = 10000;

// One pass over pg_class: each relation that has something to say, with a word for each thing. The
// last row is the number of tables.
constexpr Observation k_relations = {R"(
WITH relation AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition, c.relreplident,
           c.relhassubclass, c.relam, c.relpages, c.reltuples, c.reltoastrelid,
           pg_catalog.lower(c.relname) COLLATE "C" AS folded
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
      LEFT JOIN pg_catalog.pg_depend AS e
             ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid
            AND e.objsubid = 0 AND e.deptype = 'e'
     WHERE c.relkind IN ('r', 'p', 'm', 'f', 'S') AND e.objid IS NULL
), collision AS (
    SELECT r.nspname, r.folded
      FROM relation AS r
     WHERE r.relkind <> 'S'
     GROUP BY r.nspname, r.folded
    HAVING pg_catalog.count(*) > 1
), described AS (
    SELECT r.nspname, r.relname,
           pg_catalog.concat(
               CASE WHEN r.relkind = 'r' AND r.relpersistence = 'u' THEN 'unlogged ' END,
               CASE WHEN r.relkind = 'f' THEN CASE WHEN r.relispartition THEN 'foreign_partition '
                                                   ELSE 'foreign ' END END,
               CASE WHEN r.relkind = 'm' THEN 'materialized ' END,
               CASE WHEN r.relkind = 'S' THEN 'sequence ' END,
               CASE WHEN r.relkind = 'r' AND r.relreplident = 'f' AND NOT p.has_key THEN 'full_keyless ' END,
               CASE WHEN r.relkind = 'r' AND r.relreplident = 'f'
                         AND pg_catalog.pg_stat_get_tuples_updated(r.oid)
                             + pg_catalog.pg_stat_get_tuples_deleted(r.oid) > 100000
                    THEN 'full_hot ' END,
               CASE WHEN r.relkind = 'r' AND r.relhassubclass
                         AND EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = r.oid)
                    THEN 'parent ' END,
               CASE WHEN r.relkind = 'r' AND r.relam <> h.oid THEN 'method ' END,
               CASE WHEN r.relkind = 'r' AND (r.relpages = 0 OR r.reltuples < 0)
                         AND pg_catalog.pg_stat_get_live_tuples(r.oid) > 0
                    THEN 'unanalyzed ' END,
               CASE WHEN c.folded IS NOT NULL THEN 'collision ' END,
               CASE WHEN r.relname ~ '[[:cntrl:]]' THEN 'control ' END,
               CASE WHEN t.oid IS NOT NULL AND r.relreplident <> 'f' THEN 'toast ' END) AS words
      FROM relation AS r
     CROSS JOIN (SELECT a.oid FROM pg_catalog.pg_am AS a WHERE a.amname = 'heap') AS h
      LEFT JOIN collision AS c ON c.nspname = r.nspname AND c.folded = r.folded AND r.relkind <> 'S'
      LEFT JOIN pg_catalog.pg_class AS t ON t.oid = r.reltoastrelid AND t.relpages > 0
     CROSS JOIN LATERAL (
           SELECT r.relreplident = 'f'
                  AND EXISTS (SELECT FROM pg_catalog.pg_index AS x
                               WHERE x.indrelid = r.oid AND x.indisprimary) AS has_key) AS p
)
SELECT d.words, pg_catalog.format('%I.%I', d.nspname, d.relname), d.nspname || '.' || d.relname
  FROM described AS d
 WHERE d.words <> ''
UNION ALL
SELECT 'count ', pg_catalog.count(*)::text, ''
  FROM relation AS r
 WHERE r.relkind IN ('r', 'p')
 ORDER BY 2
)",
                                     Arguments::schemas};

constexpr Observation k_locks = {R"(
SELECT 'locked ', pg_catalog.format('%I.%I: pid %s, %s', n.nspname, c.relname, l.pid,
                                    CASE WHEN l.granted THEN 'holds it' ELSE 'waits' END),
       pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname
  FROM pg_catalog.pg_locks AS l
  JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                      WHERE d.datname = pg_catalog.current_database())
   AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($1::text[])
 ORDER BY 2
)",
                                 Arguments::schemas};

Outcome judge_unlogged(const Context& context) {
    return listed(flagged(context, {"unlogged"}), Status::warn,
                  "Unlogged tables are not in the WAL; the replica has them empty:",
                  "Exclude them, or ALTER TABLE … SET LOGGED when their rows matter.");
}

Outcome judge_foreign(const Context& context) {
    return listed(flagged(context, {"foreign"}), Status::warn,
                  "Rows of foreign tables are not here; the replica cannot read them:",
                  "Connect the server that holds the rows.");
}

Outcome judge_foreign_partitions(const Context& context) {
    return listed(flagged(context, {"foreign_partition"}), Status::warn,
                  "Partitions on other servers are not in the stream; their tables lack those rows "
                  "in the replica:",
                  "Connect the server that holds them.");
}

Outcome judge_materialized(const Context& context) {
    return listed(flagged(context, {"materialized"}), Status::warn,
                  "REFRESH is not in the stream; the replica keeps what the copy brought:",
                  "Refresh them in branches.");
}

Outcome judge_sequences(const Context& context) {
    return counted(flagged(context, {"sequence"}),
                   "Values of sequences are not in the stream; the agent reads them every few "
                   "seconds, and the replica has them at the latest 10 s after.");
}

Outcome judge_full_keyless(const Context& context) {
    return listed(
        flagged(context, {"full_keyless"}), Status::warn,
        "REPLICA IDENTITY FULL without a primary key: equal rows cannot be told apart, and "
        "each change looks for its row by all columns:",
        "A primary key is better; decide with add_pk.");
}

Outcome judge_full_hot(const Context& context) {
    return listed(
        flagged(context, {"full_hot"}), Status::warn,
        "REPLICA IDENTITY FULL on tables with many changes: each writes the whole old row "
        "to the WAL:",
        "Identify the rows by an index: REPLICA IDENTITY USING INDEX.");
}

Outcome judge_parents(const Context& context) {
    return listed(
        flagged(context, {"parent"}), Status::warn,
        "Tables with children by INHERITS are copied table by table; a later change of who "
        "inherits stops the connector until the replica has it too:",
        "Set the connector up again after such a change, or use partitions.");
}

Outcome judge_collisions(const Context& context) {
    return listed(flagged(context, {"collision"}), Status::warn,
                  "Names that differ in capital letters alone: decisions and exclusions must quote "
                  "them:",
                  "Write them as \"schema\".\"Name\".");
}

Outcome judge_control(const Context& context) {
    return listed(flagged(context, {"control"}), Status::warn,
                  "Names with line breaks or other control characters:", "Rename them.");
}

Outcome judge_method(const Context& context) {
    return listed(
        flagged(context, {"method"}), Status::warn,
        "Tables that are not stored as heap; whether their changes can be decoded is up to "
        "their access method:",
        "Ask its vendor about logical decoding, or exclude them.");
}

Outcome judge_unanalyzed(const Context& context) {
    return listed(
        flagged(context, {"unanalyzed"}), Status::info,
        "Tables with rows were never analyzed: their size, and so the copy's progress, is "
        "not known:",
        "ANALYZE them.");
}

Outcome judge_count(const Context& context) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < context.rows.size(); ++i) {
        if (context.text(i, 0) == "count ") {
            count = static_cast<std::size_t>(context.number(i, 1));
        }
    }
    Outcome outcome;
    outcome.actual = std::to_string(count);
    if (count > k_many_tables) {
        outcome =
            finding(Status::warn, outcome.actual,
                    "So many tables make the copy's start and each new decoding session slow.",
                    "Leave out schemas that need no replica.");
        outcome.shown = outcome.actual;
    }
    return outcome;
}

Outcome judge_locks(const Context& context) {
    return listed(flagged(context, {"locked", 2}), Status::warn,
                  "ACCESS EXCLUSIVE is held or waited for; the copy would wait behind it:",
                  "Wait for the migration that does this, or end it.");
}

Outcome judge_toast(const Context& context) {
    return counted(flagged(context, {"toast"}),
                   "Large values that an UPDATE leaves alone are not in the stream; the "
                   "replica keeps its own.");
}

constexpr Section k_here = Section::tables;

}  // namespace

Checks relation_checks() noexcept {
    static const std::array<Check, 15> k_checks = {{
        {"full_identity_without_key", k_here, "full identity without key", "none", &k_relations,
         judge_full_keyless, false},
        {"full_identity_hot", k_here, "full identity hot", "none", &k_relations, judge_full_hot,
         false},
        {"unlogged_tables", k_here, "unlogged tables", "none", &k_relations, judge_unlogged},
        {"foreign_tables", k_here, "foreign tables", "none", &k_relations, judge_foreign},
        {"foreign_partitions", k_here, "foreign partitions", "none", &k_relations,
         judge_foreign_partitions},
        {"materialized_views", k_here, "materialized views", "none", &k_relations,
         judge_materialized},
        {"sequences", k_here, "sequences", "none", &k_relations, judge_sequences, false},
        {"inheritance", k_here, "inheritance", "none", &k_relations, judge_parents, false},
        {"name_collisions", k_here, "name collisions", "none", &k_relations, judge_collisions,
         false},
        {"control_characters", k_here, "control characters", "none", &k_relations, judge_control,
         false},
        {"access_methods", k_here, "access methods", "heap", &k_relations, judge_method},
        {"never_analyzed", k_here, "never analyzed", "none", &k_relations, judge_unanalyzed, false},
        {"table_count", k_here, "table count", "at most 10000", &k_relations, judge_count, false},
        {"table_locks", k_here, "table locks", "none", &k_locks, judge_locks, false},
        {"toasted_values", Section::columns, "toasted values", "none", &k_relations, judge_toast,
         false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
