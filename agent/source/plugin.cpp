// SPDX-License-Identifier: PostgreSQL
#include "agent/source/plugin.hpp"

#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

#include <random>

namespace ardent::agent {

namespace {

constexpr const char* k_as_string = "numeric-data-types-as-string";
// wal2json's words, which are never translated; the option alone stands in the command too.
constexpr const char* k_refusal = "option \"numeric-data-types-as-string\"";
constexpr std::chrono::seconds k_patience{30};
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

/// Never the same twice, so that nobody writes messages with it.
std::string nobodys_prefix() {
    std::random_device random;
    std::string bytes;
    while (bytes.size() < 16) {
        bytes += static_cast<char>(random() & 0xFFU);
    }
    return "ardent.none." + base::to_hex(bytes);
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
                                      const PluginOptions& options,
                                      const std::set<std::string>& prefixes) {
    std::vector<std::string> parts;
    const auto add = [&parts](const std::string& name, const std::string& value) {
        parts.push_back(pq::quote_identifier(name) + " " + quoted_literal(value));
    };
    for (const auto& [name, value] : options) {
        add(name, value);
    }
    // The plugin takes an empty list for all prefixes there are.
    add("add-msg-prefixes",
        prefixes.empty()
            ? nobodys_prefix()
            : base::join(std::vector<std::string>(prefixes.begin(), prefixes.end()), ","));
    return "START_REPLICATION SLOT " + pq::quote_identifier(slot) + " LOGICAL " +
           model::to_string(from) + " (" + base::join(parts, ", ") + ")";
}

bool refuses_exact_numbers(const base::Error& error) noexcept {
    return error.sqlstate() == k_invalid_parameter &&
           std::string_view(error.what()).find(k_refusal) != std::string_view::npos;
}

bool knows_exact_numbers(pq::Connection& connection, const std::string& slot,
                         const std::function<bool()>& go_on) {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    try {
        // An upper bound before anything in the slot: the plugin starts, reads its options, and is
        // done.
        const auto answer = pq::exec_while(
            connection,
            "SELECT FROM pg_catalog.pg_logical_slot_peek_changes(" +
                connection.quote_literal(slot) +
                ", '0/1', 1, 'format-version', '2', 'numeric-data-types-as-string', 'true')",
            [&] { return go_on() && std::chrono::steady_clock::now() < deadline; });
        if (!answer) {
            throw base::Error(
                base::ErrorKind::transient,
                "the output plugin did not answer through replication slot \"" + slot + "\"",
                "Does the server wait for a standby in synchronized_standby_slots?");
        }
        return true;
    } catch (const base::Error& e) {
        if (refuses_exact_numbers(e)) {
            return false;
        }
        throw;
    }
}

}  // namespace ardent::agent
