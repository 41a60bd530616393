// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/identity.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/preflight/catalogue.hpp"
#include "common/preflight/names.hpp"

#include <map>
#include <set>

namespace ardent::preflight {

const Observation k_identities = {R"(
WITH logged AS (
    SELECT c.oid, c.relreplident, n.nspname, c.relname
      FROM pg_catalog.unnest($1::text[]) AS s (name)
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
      JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
     WHERE c.relkind = 'r' AND c.relpersistence = 'p'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e
                        WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e')
), usable AS (
    SELECT x.indrelid, x.indexrelid, x.indisprimary, x.indisreplident, i.relname, x.indkey, x.indnkeyatts,
           x.indexprs
      FROM logged AS t
      JOIN pg_catalog.pg_index AS x ON x.indrelid = t.oid
      JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
     WHERE x.indisunique AND x.indisvalid AND x.indislive AND x.indimmediate AND x.indpred IS NULL
), chosen AS (
    SELECT u.indrelid, pg_catalog.min(u.relname) AS name, pg_catalog.min(u.indexrelid) AS indexrelid
      FROM usable AS u
      JOIN logged AS t ON t.oid = u.indrelid
     WHERE (t.relreplident = 'd' AND u.indisprimary) OR (t.relreplident = 'i' AND u.indisreplident)
     GROUP BY u.indrelid
), candidate AS (
    SELECT u.indrelid,
           (pg_catalog.array_agg(u.relname ORDER BY u.indisprimary DESC, u.indnkeyatts, u.relname))[1] AS name
      FROM usable AS u
      LEFT JOIN chosen AS c ON c.indrelid = u.indrelid
     WHERE c.indrelid IS NULL AND u.indexprs IS NULL
       AND NOT EXISTS (SELECT
                         FROM pg_catalog.pg_attribute AS a
                        WHERE a.attrelid = u.indrelid
                          AND a.attnum = ANY ((u.indkey::pg_catalog.int2[])[0:u.indnkeyatts - 1])
                          AND NOT a.attnotnull)
     GROUP BY u.indrelid
)
SELECT pg_catalog.format('%I.%I', t.nspname, t.relname),
       t.nspname || '.' || t.relname,
       t.relreplident,
       pg_catalog.quote_ident(c.name),
       c.indexrelid,
       CASE WHEN c.name IS NULL AND t.relreplident <> 'f' THEN pg_catalog.quote_ident(d.name) END,
       c.name IS NULL AND t.relreplident = 'd'
       AND EXISTS (SELECT FROM pg_catalog.pg_index AS x
                    WHERE x.indrelid = t.oid AND x.indisprimary AND NOT x.indimmediate)
  FROM logged AS t
  LEFT JOIN chosen AS c ON c.indrelid = t.oid
  LEFT JOIN candidate AS d ON d.indrelid = t.oid
 ORDER BY t.nspname, t.relname
)",
                                  Arguments::schemas};

namespace {

// Around the statement above: the names of the index's columns in place of its number.
constexpr const char* k_with_columns_head = R"(
SELECT i.quoted, i.plain, i.setting, i.name,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.place)
          FROM pg_catalog.pg_index AS x
         CROSS JOIN LATERAL pg_catalog.unnest(x.indkey::pg_catalog.int2[])
                            WITH ORDINALITY AS k (attnum, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
         WHERE x.indexrelid = i.indexrelid AND k.place <= x.indnkeyatts),
       i.candidate, i.late_key
  FROM ()";
constexpr const char* k_with_columns_tail =
    R"() AS i (quoted, plain, setting, name, indexrelid, candidate, late_key)
 ORDER BY i.plain)";

// The names that no relation has, neither plain nor quoted.
constexpr const char* k_no_relation = R"(
SELECT d.name
  FROM pg_catalog.unnest($1::text[]) AS d (name)
EXCEPT
SELECT v.name
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (VALUES (n.nspname || '.' || c.relname),
                            (pg_catalog.format('%I.%I', n.nspname, c.relname))) AS v (name)
 ORDER BY 1
)";

base::Error not_there(const std::string& name) {
    return {base::ErrorKind::config,
            "the decisions name a table that is not there: \"" + name + "\"",
            "Keys have the form \"schema.table\"; views, unlogged and foreign tables need no "
            "decision, and of a partitioned table each partition does.",
            "22023"};
}

}  // namespace

std::vector<TableIdentity> read_identities(const Rows& rows) {
    std::vector<TableIdentity> tables;
    tables.reserve(rows.size());
    for (const Row& row : rows) {
        const std::string setting = row.at(2).value_or("d");
        tables.push_back({.plain_name = row.at(1).value_or(""),
                          .quoted_name = row.at(0).value_or(""),
                          .setting = setting.empty() ? 'd' : setting.front(),
                          .index = row.at(3).value_or(""),
                          .columns = row.at(4).value_or(""),
                          .candidate = row.at(5).value_or(""),
                          .deferrable_key = row.at(6) == "t"});
    }
    return tables;
}

void check_decisions(QueryRunner& runner, const std::map<std::string, Decision>& decisions) {
    std::vector<std::string> names;
    for (const auto& [name, decision] : decisions) {
        names.push_back(name);
    }
    if (names.empty()) {
        return;
    }
    const Rows unknown = runner.run(k_no_relation, {array_text(names)});
    if (!unknown.empty()) {
        throw not_there(unknown.front().at(0).value_or(""));
    }
}

std::string why_unidentified(const TableIdentity& table) {
    if (table.setting == 'n') {
        return "REPLICA IDENTITY NOTHING";
    }
    if (table.setting == 'i') {
        return "its replica identity index is gone or not usable";
    }
    std::string why = table.deferrable_key
                          ? "its primary key is deferrable, which identifies nothing"
                          : "no primary key";
    if (!table.candidate.empty()) {
        why += ", unique index " + table.candidate + " could identify its rows";
    }
    return why;
}

namespace {

std::string use_index_statement(const TableIdentity& table) {
    return "ALTER TABLE " + table.quoted_name + " REPLICA IDENTITY USING INDEX " + table.candidate +
           ";";
}

}  // namespace

std::string asked_statement(const Accept& accept, const TableIdentity& table) {
    const std::optional<Decision> decision = accept.decision(table.plain_name, table.quoted_name);
    if (decision == Decision::replica_identity_full) {
        return "ALTER TABLE " + table.quoted_name + " REPLICA IDENTITY FULL;\n";
    }
    if (decision == Decision::add_pk && !table.candidate.empty()) {
        return use_index_statement(table) + "\n";
    }
    return {};
}

std::vector<TableIdentity> replica_identities(QueryRunner& runner,
                                              const std::vector<std::string>& schemas) {
    return read_identities(
        runner.run(std::string(k_with_columns_head) + k_identities.sql + k_with_columns_tail,
                   {array_text(schemas)}));
}

namespace {

constexpr const char* k_all_schemas = R"(
SELECT n.nspname
  FROM pg_catalog.pg_namespace AS n
 WHERE n.nspname <> 'information_schema' AND NOT pg_catalog.starts_with(n.nspname, 'pg_')
)";

std::string undo_comment(const TableIdentity& table) {
    return "-- undo: ALTER TABLE " + comment_text(table.quoted_name) + " REPLICA IDENTITY " +
           (table.setting == 'n' ? "NOTHING" : "DEFAULT") + ";\n";
}

std::string decided_statement(const TableIdentity& table, Decision decision) {
    if (decision == Decision::exclude) {
        return "-- " + comment_text(table.quoted_name) +
               ": excluded, nothing to run (preflight passes it with accept)";
    }
    if (table.identified()) {
        return "-- " + comment_text(table.quoted_name) +
               ": its rows are identified, nothing to run";
    }
    if (decision == Decision::replica_identity_full) {
        return undo_comment(table) + "ALTER TABLE " + table.quoted_name + " REPLICA IDENTITY FULL;";
    }
    if (!table.candidate.empty()) {
        return undo_comment(table) + use_index_statement(table);
    }
    return "-- " + comment_text(table.quoted_name) +
           ": no unique index can serve. Add a key of your choice, for example\n--   ALTER TABLE " +
           comment_text(table.quoted_name) + " ADD PRIMARY KEY (...);";
}

/// Of the schemas that the decisions name.
void refuse_undecided(const std::vector<TableIdentity>& tables,
                      const std::map<std::string, Decision>& decisions) {
    const auto schema_of = [](const TableIdentity& table) {
        return model::parse_relation(table.quoted_name).value_or(model::RelationName()).schema;
    };
    const auto is_decided = [&decisions](const TableIdentity& table) {
        return decisions.contains(table.plain_name) || decisions.contains(table.quoted_name);
    };
    std::set<std::string> named;
    for (const TableIdentity& table : tables) {
        if (is_decided(table)) {
            named.insert(schema_of(table));
        }
    }
    std::vector<std::string> undecided;
    for (const TableIdentity& table : tables) {
        if (!table.identified() && !is_decided(table) && named.contains(schema_of(table))) {
            undecided.push_back(table.quoted_name);
        }
    }
    if (undecided.empty()) {
        return;
    }
    std::vector<std::string> lines;
    list_capped(lines, "", undecided);
    throw base::Error(
        base::ErrorKind::config,
        "the decisions leave out tables without replica identity: " + base::join(lines, ", "),
        "Decide for each of them: exclude, add_pk or replica_identity_full.", "22023");
}

}  // namespace

std::string replica_identity_script(QueryRunner& runner,
                                    const std::map<std::string, Decision>& decisions) {
    std::vector<std::string> schemas;
    for (const Row& row : runner.run(k_all_schemas, {})) {
        schemas.push_back(row.at(0).value_or(""));
    }
    const std::vector<TableIdentity> tables = replica_identities(runner, schemas);
    std::map<std::string, TableIdentity> by_name;
    for (const TableIdentity& table : tables) {
        by_name.emplace(table.plain_name, table);
        by_name.emplace(table.quoted_name, table);
    }
    std::string script =
        "-- psql artifact generated by Ardent\n"
        "-- Changes how the server identifies rows of the tables below in its WAL; run as their "
        "owner.\n"
        "-- ALTER TABLE takes a short ACCESS EXCLUSIVE lock; it waits at most five seconds for "
        "it.\n"
        "SET lock_timeout = '5s';\n";
    for (const auto& [name, decision] : decisions) {
        const auto found = by_name.find(name);
        if (found == by_name.end()) {
            throw not_there(name);
        }
        script += decided_statement(found->second, decision) + "\n";
    }
    refuse_undecided(tables, decisions);
    return script + "RESET lock_timeout;\n";
}

}  // namespace ardent::preflight
