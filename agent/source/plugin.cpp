// SPDX-License-Identifier: PostgreSQL
#include "agent/source/plugin.hpp"

#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

namespace ardent::agent {

namespace {

constexpr const char* k_as_string = "numeric-data-types-as-string";
constexpr const char* k_invalid_parameter = "22023";

std::string quoted_literal(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        quoted += c;
        if (c == '\'') {
            quoted += c;
        }
    }
    return quoted + "'";
}

}  // namespace

std::string escape_table_part(std::string_view name) {
    std::string escaped;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || byte >= 0x80U;
        if (!plain) {
            escaped += '\\';
        }
        escaped += c;
    }
    return escaped;
}

PluginOptions plugin_options(const SourceSettings& source, bool exact_numbers,
                             const std::vector<model::RelationName>& unfollowed) {
    std::vector<std::string> added;
    for (const std::string& schema : source.schemas) {
        added.push_back(escape_table_part(schema) + ".*");
    }
    PluginOptions options = {{"format-version", "2"},
                             {"include-lsn", "true"},
                             {"include-xids", "true"},
                             {"include-timestamp", "true"},
                             {"include-transaction", "true"},
                             {"include-types", "false"},
                             {"add-msg-prefixes", "ardent.ddl"},
                             {"add-tables", base::join(added, ",")}};
    std::vector<std::string> filtered;
    for (const model::RelationName& relation : source.excluded) {
        filtered.push_back(escape_table_part(relation.schema) + "." +
                           escape_table_part(relation.name));
    }
    for (const model::RelationName& relation : unfollowed) {
        filtered.push_back(escape_table_part(relation.schema) + "." +
                           escape_table_part(relation.name));
    }
    if (!filtered.empty()) {
        options["filter-tables"] = base::join(filtered, ",");
    }
    if (exact_numbers) {
        options[k_as_string] = "true";
    }
    return options;
}

std::vector<model::RelationName> read_unfollowed(pq::Connection& connection,
                                                 const std::vector<std::string>& schemas) {
    const pq::Result result = connection.exec(R"sql(
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY ($1::pg_catalog.text[]) AND c.relpersistence = 'p'
   AND (c.relkind = 'm'
        OR (c.relkind IN ('r', 'p')
            AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.objid = c.oid AND d.deptype = 'e')))
 ORDER BY 1, 2
)sql",
                                              {pq::array_text(schemas)});
    std::vector<model::RelationName> relations;
    for (int row = 0; row < result.rows(); ++row) {
        relations.push_back({std::string(result.text(row, 0)), std::string(result.text(row, 1))});
    }
    return relations;
}

std::string start_replication_command(const std::string& slot, model::Lsn from,
                                      const PluginOptions& options) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : options) {
        parts.push_back(pq::quote_identifier(name) + " " + quoted_literal(value));
    }
    return "START_REPLICATION SLOT " + pq::quote_identifier(slot) + " LOGICAL " +
           model::to_string(from) + " (" + base::join(parts, ", ") + ")";
}

bool knows_exact_numbers(pq::Connection& connection, const std::string& slot) {
    try {
        // An upper bound before anything in the slot: the plugin starts, reads its options, and is done.
        connection.exec(R"sql(
SELECT count(*)
  FROM pg_catalog.pg_logical_slot_peek_changes($1, '0/1', 1,
           'format-version', '2', 'numeric-data-types-as-string', 'true')
)sql",
                        {slot});
        return true;
    } catch (const base::Error& e) {
        if (e.sqlstate() == k_invalid_parameter &&
            std::string_view(e.what()).find(k_as_string) != std::string_view::npos) {
            return false;
        }
        throw;
    }
}

}  // namespace ardent::agent
