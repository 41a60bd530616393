// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/definitions.hpp"

#include "common/base/text.hpp"
#include "common/decode/ddl_message.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>

namespace ardent::replay {

namespace {

constexpr const char* k_definition = R"sql(
SELECT pg_catalog.json_build_object(
           'schema', n.nspname, 'name', c.relname,
           'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                   WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'composite type' END,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
           'owner', pg_catalog.pg_get_userbyid(c.relowner),
           'replica_identity', CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' WHEN 'i' THEN 'index'
                               ELSE 'default' END,
           'partition_bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid),
           'partition_key', CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
           'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                                  'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                                  'not_null', a.attnotnull, 'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                                  'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
                                  'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
                                  'collation', CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
                                                    THEN a.attcollation::pg_catalog.regcollation::pg_catalog.text END)
                                  ORDER BY a.attnum)
                         FROM pg_catalog.pg_attribute AS a
                         JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
                         LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           'keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                               'name', x.relname, 'primary', i.indisprimary,
                               'columns', (SELECT pg_catalog.json_agg(ka.attname ORDER BY p.place)
                                             FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS p (place)
                                             LEFT JOIN pg_catalog.pg_attribute AS ka
                                                    ON ka.attrelid = c.oid AND ka.attnum = i.indkey[p.place]
                                                   AND i.indkey[p.place] <> 0),
                               'partial', i.indpred IS NOT NULL, 'immediate', i.indimmediate, 'valid', i.indisvalid,
                               'nulls_not_distinct',
                               COALESCE((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::pg_catalog.bool, false),
                               'replica_identity', i.indisreplident)
                               ORDER BY x.relname COLLATE pg_catalog."C")
                      FROM pg_catalog.pg_index AS i
                      JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
                     WHERE i.indrelid = c.oid AND i.indisunique AND i.indislive),
           'partition_of', CASE WHEN c.relispartition THEN (
                SELECT pg_catalog.json_build_object('schema', pn.nspname, 'name', p.relname)
                  FROM pg_catalog.pg_inherits AS h
                  JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
                  JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
                 WHERE h.inhrelid = c.oid) END,
           'inherits', CASE WHEN NOT c.relispartition THEN (
                SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', pn.nspname, 'name', p.relname)
                                           ORDER BY h.inhseqno)
                  FROM pg_catalog.pg_inherits AS h
                  JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
                  JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
                 WHERE h.inhrelid = c.oid) END)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
)sql";

std::string sides(const std::string& what, const std::string& source, const std::string& replica) {
    const auto word = [](const std::string& text) { return text.empty() ? "none" : text; };
    return what + " is " + word(source) + " at the source and " + word(replica) + " in the replica";
}

std::string describe(const model::DdlColumn& column) {
    std::string text = column.name + " " + column.type;
    text += column.collation.empty() ? "" : " COLLATE " + column.collation;
    text += column.not_null ? " NOT NULL" : "";
    text += column.identity.empty() ? "" : " identity " + column.identity;
    text += column.generated.empty() ? "" : " generated " + column.generated;
    text += column.expression.empty() ? "" : " (" + column.expression + ")";
    return text;
}

std::string describe(const model::DdlKey& key) {
    std::vector<std::string> columns;
    for (const auto& column : key.columns) {
        columns.push_back(column.value_or("an expression"));
    }
    std::string text =
        key.name + (key.primary ? " primary (" : " (") + base::join(columns, ", ") + ")";
    text += key.partial ? " partial" : "";
    text += key.immediate ? "" : " deferrable";
    text += key.valid ? "" : " invalid";
    text += key.nulls_not_distinct ? " nulls not distinct" : "";
    text += key.replica_identity ? " replica identity" : "";
    return text;
}

bool equal_but_text(const model::DdlColumn& a, const model::DdlColumn& b) {
    model::DdlColumn same = a;
    if (a.expression.empty() == b.expression.empty()) {
        same.expression = b.expression;
    }
    return same == b;
}

std::string described_parents(const model::DdlTable& table) {
    std::vector<std::string> names;
    for (const model::RelationName& name : table.inherits) {
        names.push_back(model::to_string(name));
    }
    return table.partition_of ? model::to_string(*table.partition_of) + " " + table.partition_bound
                              : base::join(names, ", ");
}

std::vector<model::DdlColumn> columns_of(const model::DdlTable& table) {
    std::vector<model::DdlColumn> columns = table.columns;
    if (!table.inherits.empty()) {
        std::sort(columns.begin(), columns.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
    }
    return columns;
}

bool same_but_valid(model::DdlKey a, const model::DdlKey& b) {
    a.valid = b.valid;
    return a == b;
}

// Those that can be compared. Not what CONCURRENTLY left unfinished at the source: whether it is
// here depends on where it was stopped. And not what somebody else has made there meanwhile.
std::vector<model::DdlKey> keys_of(const model::DdlTable& table, const model::DdlTable& source) {
    std::vector<model::DdlKey> keys = table.keys;
    std::erase_if(keys, [&](const model::DdlKey& key) {
        const auto there =
            std::find_if(source.keys.begin(), source.keys.end(), [&](const auto& one) {
                return key.name.empty() ? same_but_valid(one, key) : one.name == key.name;
            });
        return there == source.keys.end() ? source.lock == "share" : !there->valid;
    });
    return keys;
}

model::DdlTable without_names(model::DdlTable table) {
    for (model::DdlColumn& column : table.columns) {
        column.type.clear();
        column.collation.clear();
    }
    for (model::DdlKey& key : table.keys) {
        key.name.clear();
    }
    std::sort(table.keys.begin(), table.keys.end(),
              [](const auto& a, const auto& b) { return describe(a) < describe(b); });
    std::fill(table.inherits.begin(), table.inherits.end(), model::RelationName());
    if (table.partition_of) {
        table.partition_of = model::RelationName();
    }
    return table;
}

template <class Item, class Equal>
std::string list_difference(const std::string& what, const std::vector<Item>& source,
                            const std::vector<Item>& replica, Equal equal) {
    for (std::size_t i = 0; i < std::max(source.size(), replica.size()); ++i) {
        const std::string left = i < source.size() ? describe(source[i]) : "";
        const std::string right = i < replica.size() ? describe(replica[i]) : "";
        if (i >= source.size() || i >= replica.size() || !equal(source[i], replica[i])) {
            return sides(what + " " + std::to_string(i + 1), left, right);
        }
    }
    return {};
}

std::string shape_difference(const model::DdlTable& source, const model::DdlTable& replica) {
    const auto words = [](const model::DdlTable& table) {
        return table.partition_key.substr(0, table.partition_key.find(' '));
    };
    if (source.kind != replica.kind) {
        return sides("the kind", source.kind, replica.kind);
    }
    if (source.persistence != replica.persistence) {
        return sides("the persistence", source.persistence, replica.persistence);
    }
    if (!source.replica_identity.empty() && source.replica_identity != replica.replica_identity) {
        return sides("the replica identity", source.replica_identity, replica.replica_identity);
    }
    if (words(source) != words(replica)) {
        return sides("the partition key", source.partition_key, replica.partition_key);
    }
    if (described_parents(source) != described_parents(replica)) {
        return sides("the parent", described_parents(source), described_parents(replica));
    }
    return {};
}

std::string columns_text(const model::DdlTable& table) {
    std::vector<std::string> columns;
    for (const model::DdlColumn& column : table.columns) {
        columns.push_back(pq::quote_identifier(column.name) + " " + column.type +
                          (column.collation.empty() ? "" : " COLLATE " + column.collation) +
                          (column.not_null ? " NOT NULL" : ""));
    }
    return pq::quote_qualified(table.relation.schema, table.relation.name) + " (" +
           base::join(columns, ", ") + ")";
}

}  // namespace

std::optional<model::DdlTable> read_definition(pq::Connection& connection,
                                               const model::RelationName& relation,
                                               std::string_view encoding) {
    const pq::Result result = connection.exec(k_definition, {relation.schema, relation.name});
    return result.rows() == 0 ? std::nullopt
                              : std::optional(decode::parse_ddl_table(result.text(0, 0), encoding));
}

std::string describe_difference(const model::DdlTable& source, const model::DdlTable& replica,
                                Compared compared) {
    const Compared all = {compared.owner, true};
    if (!compared.names &&
        describe_difference(without_names(source), without_names(replica), all).empty()) {
        return {};
    }
    std::string text = shape_difference(source, replica);
    if (text.empty()) {
        text = list_difference("column", columns_of(source), columns_of(replica), equal_but_text);
    }
    if (text.empty()) {
        text = list_difference("key", keys_of(source, source), keys_of(replica, source),
                               [](const auto& a, const auto& b) { return a == b; });
    }
    const std::string owner = environment::owner_here(source.owner);
    if (text.empty() && compared.owner && owner != replica.owner) {
        text = sides("the owner", owner, replica.owner);
    }
    return text;
}

int different_expression(const model::DdlTable& source, const model::DdlTable& replica, int from) {
    const auto left = columns_of(source);
    const auto right = columns_of(replica);
    for (auto i = static_cast<std::size_t>(from); i < std::min(left.size(), right.size()); ++i) {
        if (left[i].expression != right[i].expression) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

bool same_expression(pq::Connection& connection, const model::DdlTable& table,
                     const model::DdlColumn& source, const model::DdlColumn& replica) {
    const auto printed = [&](const model::DdlColumn& column) {
        const std::string kind = column.generated.empty() ? " DEFAULT " : " GENERATED ALWAYS AS (";
        connection.exec("SAVEPOINT ardent_expression");
        connection.exec("CREATE TEMPORARY TABLE ardent_probe (LIKE " +
                        pq::quote_qualified(table.relation.schema, table.relation.name) + ")");
        connection.exec("ALTER TABLE pg_temp.ardent_probe ADD COLUMN ardent_probe " + column.type +
                        kind + column.expression + (column.generated.empty() ? "" : ") STORED"));
        const pq::Value text = connection.value(R"sql(
            SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
              FROM pg_catalog.pg_attrdef AS d
             WHERE d.adrelid = 'pg_temp.ardent_probe'::pg_catalog.regclass
        )sql");
        connection.exec("ROLLBACK TO SAVEPOINT ardent_expression");
        return text.value_or("");
    };
    return printed(source) == printed(replica);
}

std::string create_table(const model::DdlTable& table, const std::string& storage) {
    return std::string("CREATE ") + (table.persistence == "unlogged" ? "UNLOGGED " : "") +
           "TABLE " + columns_text(table) + (storage.empty() ? "" : " " + storage);
}

std::string column_clause(const model::DdlColumn& column) {
    std::string text = pq::quote_identifier(column.name) + " " + column.type +
                       (column.collation.empty() ? "" : " COLLATE " + column.collation);
    if (!column.generated.empty()) {
        text += " GENERATED ALWAYS AS (" + column.expression + ")" +
                (column.generated == "stored" ? " STORED" : " VIRTUAL");
    } else if (!column.identity.empty()) {
        text += std::string(" GENERATED ") +
                (column.identity == "always" ? "ALWAYS" : "BY DEFAULT") + " AS IDENTITY";
    } else if (!column.expression.empty()) {
        text += " DEFAULT " + column.expression;
    }
    return text + (column.not_null ? " NOT NULL" : "");
}

std::string create_foreign_table(const model::DdlTable& table, const std::string& server) {
    return "CREATE FOREIGN TABLE " + columns_text(table) + " SERVER " +
           pq::quote_identifier(server);
}

}  // namespace ardent::replay
