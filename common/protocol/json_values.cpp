// SPDX-License-Identifier: PostgreSQL
#include "common/protocol/json_values.hpp"

#include "common/protocol/json_fields.hpp"

namespace ardent::protocol {

using model::ColumnDefinition;
using model::Generated;
using model::RelationName;
using model::TableDefinition;
using model::TypeDefinition;

namespace {

json encode_table(const TableDefinition& table) {
    json columns = json::array();
    for (const ColumnDefinition& column : table.columns) {
        columns.push_back({{"name", column.name},
                           {"type", column.type},
                           {"not_null", column.not_null},
                           {"generated", std::string(1, static_cast<char>(column.generated))},
                           {"identity", std::string(1, column.identity)}});
    }
    return {{"schema", table.relation.schema},
            {"name", table.relation.name},
            {"kind", std::string(1, table.kind)},
            {"replica_identity", std::string(1, table.replica_identity)},
            {"identity_columns", table.identity_columns},
            {"columns", std::move(columns)},
            {"parents", encode(table.parents)},
            {"partition_bound", table.partition_bound},
            {"partition_key", table.partition_key}};
}

Generated decode_generated(const Fields& in) {
    const auto generated = Generated{in.letter("generated")};
    if (generated != Generated::no && generated != Generated::stored &&
        generated != Generated::virtually) {
        throw in.misfit("generated", R"(" ", "s" or "v")");
    }
    return generated;
}

TableDefinition decode_table(const Fields& in) {
    TableDefinition table;
    table.relation = {in.text("schema"), in.text("name")};
    table.kind = in.letter("kind");
    table.replica_identity = in.letter("replica_identity");
    table.identity_columns = in.texts("identity_columns");
    for (const Fields& from : in.objects("columns")) {
        ColumnDefinition column;
        column.name = from.text("name");
        column.type = from.text("type");
        column.not_null = from.boolean("not_null");
        column.generated = decode_generated(from);
        column.identity = from.letter("identity");
        table.columns.push_back(std::move(column));
    }
    table.parents = decode_names(in.objects("parents"));
    table.partition_bound = in.text("partition_bound");
    table.partition_key = in.text("partition_key");
    return table;
}

}  // namespace

json encode(const SourceIdentity& value) {
    return {{"system_identifier", value.system_identifier},
            {"timeline", value.timeline},
            {"server_version_num", value.server_version_num},
            {"database", value.database},
            {"server_encoding", value.server_encoding},
            {"locale_provider", value.locale_provider},
            {"lc_collate", value.lc_collate},
            {"lc_ctype", value.lc_ctype},
            {"icu_locale", nullable(value.icu_locale)},
            {"icu_rules", nullable(value.icu_rules)},
            {"collation_version", nullable(value.collation_version)},
            {"extension_version", nullable(value.extension_version)}};
}

SourceIdentity decode_source(const Fields& in) {
    SourceIdentity value;
    value.system_identifier = in.text("system_identifier");
    value.timeline = in.number<std::uint32_t>("timeline");
    value.server_version_num = in.number<int>("server_version_num");
    value.database = in.text("database");
    value.server_encoding = in.text("server_encoding");
    value.locale_provider = in.text("locale_provider");
    value.lc_collate = in.text("lc_collate");
    value.lc_ctype = in.text("lc_ctype");
    value.icu_locale = in.maybe_text("icu_locale");
    value.icu_rules = in.maybe_text("icu_rules");
    value.collation_version = in.maybe_text("collation_version");
    value.extension_version = in.maybe_text("extension_version");
    return value;
}

json encode(const Failure& value) {
    return {{"message", value.message},
            {"hint", value.hint},
            {"lsn", nullable(value.lsn)},
            {"table", value.table}};
}

Failure decode_failure(const Fields& in) {
    Failure value;
    value.message = in.text("message");
    value.hint = in.text("hint");
    value.lsn = in.maybe_lsn("lsn");
    value.table = in.text("table");
    value.row = in.maybe_text("row").value_or("");
    return value;
}

json encode(const std::optional<Failure>& value) {
    return value ? encode(*value) : json(nullptr);
}

std::optional<Failure> decode_maybe_failure(const Fields& in) {
    return in.has("failure") ? std::optional(decode_failure(in.object("failure"))) : std::nullopt;
}

json encode(const std::vector<RelationName>& names) {
    json list = json::array();
    for (const RelationName& name : names) {
        list.push_back({{"schema", name.schema}, {"name", name.name}});
    }
    return list;
}

std::vector<RelationName> decode_names(const std::vector<Fields>& list) {
    std::vector<RelationName> names;
    names.reserve(list.size());
    for (const Fields& from : list) {
        names.push_back({from.text("schema"), from.text("name")});
    }
    return names;
}

json encode(const std::vector<TableDefinition>& tables) {
    json list = json::array();
    for (const TableDefinition& table : tables) {
        list.push_back(encode_table(table));
    }
    return list;
}

std::vector<TableDefinition> decode_tables(const std::vector<Fields>& list) {
    std::vector<TableDefinition> tables;
    tables.reserve(list.size());
    for (const Fields& from : list) {
        tables.push_back(decode_table(from));
    }
    return tables;
}

json encode(const std::vector<TypeDefinition>& types) {
    json list = json::array();
    for (const TypeDefinition& type : types) {
        list.push_back({{"schema", type.name.schema},
                        {"name", type.name.name},
                        {"definition", type.definition}});
    }
    return list;
}

std::vector<TypeDefinition> decode_types(const std::vector<Fields>& list) {
    std::vector<TypeDefinition> types;
    types.reserve(list.size());
    for (const Fields& from : list) {
        types.push_back({{from.text("schema"), from.text("name")}, from.text("definition")});
    }
    return types;
}

json encode(const std::vector<GeneratedColumn>& columns) {
    json list = json::array();
    for (const GeneratedColumn& column : columns) {
        list.push_back({{"schema", column.table.schema},
                        {"table", column.table.name},
                        {"name", column.name},
                        {"made", column.made}});
    }
    return list;
}

std::vector<GeneratedColumn> decode_generated_columns(const Fields& in) {
    std::vector<GeneratedColumn> columns;
    if (in.has("generated")) {
        for (const Fields& from : in.objects("generated")) {
            columns.push_back({{from.text("schema"), from.text("table")},
                               from.text("name"),
                               from.number<std::uint32_t>("made")});
        }
    }
    return columns;
}

json encode(const model::SearchPaths& value) {
    return {{"default", value.usual}, {"roles", value.roles}};
}

model::SearchPaths decode_search_paths(const Fields& in) {
    if (!in.has("search_paths")) {
        return {};
    }
    const Fields paths = in.object("search_paths");
    return {paths.text("default"), paths.text_map("roles")};
}

std::string to_json(const SourceIdentity& value) {
    return dump(encode(value));
}

SourceIdentity parse_source_identity(std::string_view text) {
    const Document document("source", text);
    return decode_source(document.fields());
}

std::string to_json(const Failure& value) {
    json failure = encode(value);
    failure["row"] = value.row;
    return dump(failure);
}

Failure parse_failure(std::string_view text) {
    const Document document("failure", text);
    return decode_failure(document.fields());
}

}  // namespace ardent::protocol
