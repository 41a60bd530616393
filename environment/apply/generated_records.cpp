// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/generated_records.hpp"

#include "common/pq/array_text.hpp"

#include <map>
#include <utility>

namespace ardent::apply {

namespace {

constexpr const char* k_create = R"sql(
CREATE TABLE IF NOT EXISTS ardent.generated (
    relation oid,
    number   smallint,
    here     oid NOT NULL,
    source   oid NOT NULL,
    PRIMARY KEY (relation, number)
)
)sql";

constexpr const char* k_read = R"sql(
SELECT n.nspname, c.relname, a.attname, a.attrelid, a.attnum, d.oid, g.here, g.source
  FROM pg_catalog.pg_attrdef AS d
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) d.adrelid AND a.attnum OPERATOR(pg_catalog.=) d.adnum
  JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) d.adrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  LEFT JOIN ardent.generated AS g ON g.relation OPERATOR(pg_catalog.=) a.attrelid AND g.number OPERATOR(pg_catalog.=) a.attnum
 WHERE a.attgenerated OPERATOR(pg_catalog.<>) '' AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema,ardent}')
 ORDER BY n.nspname, c.relname, a.attnum
)sql";

constexpr const char* k_keep = R"sql(
INSERT INTO ardent.generated AS g (relation, number, here, source)
SELECT k.relation, k.number, k.here, k.source
  FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int2[]),
                  pg_catalog.unnest($3::pg_catalog.oid[]), pg_catalog.unnest($4::pg_catalog.oid[]))
       AS k (relation, number, here, source)
ON CONFLICT (relation, number) DO UPDATE SET here = excluded.here, source = excluded.source
)sql";

struct News {
    std::vector<std::string> relations;
    std::vector<std::string> numbers;
    std::vector<std::string> here;
    std::vector<std::string> source;
};

protocol::Failure made_anew(const model::RelationName& table, const std::string& column) {
    const std::string name = model::to_string(table);
    return {
        "generated column " + pq::quote_identifier(column) + " of table " + name +
            " was made anew at the source (dropped and added, or given another expression), and "
            "the replica did not hear of it: rows of before have other values there now",
        "Without DDL capture nothing carries a change of the schema (docs/ddl.md). Make the "
        "same change in the replica, then retry; or make a new copy.",
        std::nullopt, name};
}

}  // namespace

void create_generated_records(environment::Superuser& privileged, std::string_view apply_role) {
    privileged->exec(k_create);
    privileged->exec("GRANT SELECT, INSERT, UPDATE, DELETE ON ardent.generated TO " +
                     pq::quote_identifier(apply_role));
}

void keep_generated(pq::Connection& connection,
                    const std::vector<protocol::GeneratedColumn>& source) {
    check_generated(connection, source, [] { return false; });
}

std::optional<protocol::Failure> check_generated(
    pq::Connection& connection, const std::vector<protocol::GeneratedColumn>& source,
    const std::function<bool()>& ahead) {
    std::map<std::pair<model::RelationName, std::string>, std::string> there;
    for (const protocol::GeneratedColumn& column : source) {
        there[{column.table, column.name}] = std::to_string(column.made);
    }
    const pq::Result rows = connection.exec(k_read);
    std::optional<protocol::Failure> failure;
    News news;
    for (int row = 0; row < rows.rows(); ++row) {
        const model::RelationName table{std::string(rows.text(row, 0)),
                                        std::string(rows.text(row, 1))};
        const std::string column(rows.text(row, 2));
        const auto found = there.find({table, column});
        if (found == there.end()) {
            continue;
        }
        const std::string here(rows.text(row, 5));
        const bool same_here = rows.value(row, 6) == here;
        const bool same_there = rows.value(row, 7) == found->second;
        if (same_here && same_there) {
            continue;
        }
        if (same_here) {
            failure = failure ? failure : made_anew(table, column);
            continue;
        }
        news.relations.emplace_back(rows.text(row, 3));
        news.numbers.emplace_back(rows.text(row, 4));
        news.here.push_back(here);
        news.source.push_back(found->second);
    }
    if (!failure && !news.relations.empty() && !ahead()) {
        connection.exec(k_keep, {pq::array_text(news.relations), pq::array_text(news.numbers),
                                 pq::array_text(news.here), pq::array_text(news.source)});
    }
    return failure;
}

}  // namespace ardent::apply
