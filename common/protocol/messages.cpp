// SPDX-License-Identifier: PostgreSQL
#include "common/protocol/messages.hpp"

#include "common/protocol/json_fields.hpp"

namespace ardent::protocol {

namespace {

using model::ColumnDefinition;
using model::TableDefinition;

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
    value.extension_version = in.maybe_text("extension_version");
    return value;
}

json encode(const SlotState& value) {
    return {{"name", value.name},
            {"plugin", value.plugin},
            {"plugin_options", value.plugin_options},
            {"exists", value.exists},
            {"confirmed_flush_lsn", nullable(value.confirmed_flush)},
            {"wal_status", nullable(value.wal_status)}};
}

SlotState decode_slot(const Fields& in) {
    SlotState value;
    value.name = in.text("name");
    value.plugin = in.text("plugin");
    value.plugin_options = in.text_map("plugin_options");
    value.exists = in.boolean("exists");
    value.confirmed_flush = in.maybe_lsn("confirmed_flush_lsn");
    value.wal_status = in.maybe_text("wal_status");
    return value;
}

json encode(const std::optional<Failure>& failure) {
    if (!failure) {
        return nullptr;
    }
    return {{"message", failure->message},
            {"hint", failure->hint},
            {"lsn", nullable(failure->lsn)},
            {"table", failure->table}};
}

std::optional<Failure> decode_failure(const Fields& in) {
    if (!in.has("failure")) {
        return std::nullopt;
    }
    const Fields from = in.object("failure");
    Failure failure;
    failure.message = from.text("message");
    failure.hint = from.text("hint");
    failure.lsn = from.maybe_lsn("lsn");
    failure.table = from.text("table");
    return failure;
}

ConnectorState decode_state(const Fields& in) {
    const std::string word = in.text("state");
    for (const ConnectorState state :
         {ConnectorState::copy, ConnectorState::streaming, ConnectorState::failed}) {
        if (word == to_string(state)) {
            return state;
        }
    }
    throw in.misfit("state", "\"copy\", \"streaming\" or \"failed\"");
}

json encode(const TableDefinition& table) {
    json columns = json::array();
    for (const ColumnDefinition& column : table.columns) {
        columns.push_back({{"name", column.name},
                           {"type", column.type},
                           {"not_null", column.not_null},
                           {"generated", column.generated},
                           {"identity", std::string(1, column.identity)}});
    }
    return {{"schema", table.relation.schema},
            {"name", table.relation.name},
            {"kind", std::string(1, table.kind)},
            {"replica_identity", std::string(1, table.replica_identity)},
            {"identity_columns", table.identity_columns},
            {"columns", std::move(columns)}};
}

json encode(const std::vector<TableDefinition>& tables) {
    json list = json::array();
    for (const TableDefinition& table : tables) {
        list.push_back(encode(table));
    }
    return list;
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
        column.generated = from.boolean("generated");
        column.identity = from.letter("identity");
        table.columns.push_back(std::move(column));
    }
    return table;
}

std::vector<TableDefinition> decode_tables(const std::vector<Fields>& list) {
    std::vector<TableDefinition> tables;
    tables.reserve(list.size());
    for (const Fields& from : list) {
        tables.push_back(decode_table(from));
    }
    return tables;
}

json encode(const NotCarried& value) {
    return {{"sequences", value.sequences},
            {"unlogged", value.unlogged},
            {"foreign_tables", value.foreign_tables},
            {"materialized_views", value.materialized_views},
            {"extension_tables", value.extension_tables},
            {"large_objects", value.large_objects},
            {"not_exact", value.not_exact}};
}

NotCarried decode_not_carried(const Fields& in) {
    NotCarried value;
    value.sequences = in.texts("sequences");
    value.unlogged = in.texts("unlogged");
    value.foreign_tables = in.texts("foreign_tables");
    value.materialized_views = in.texts("materialized_views");
    if (in.has("extension_tables")) {
        value.extension_tables = in.texts("extension_tables");
    }
    value.large_objects = in.number<std::uint64_t>("large_objects");
    value.not_exact = in.texts("not_exact");
    return value;
}

}  // namespace

const char* to_string(ConnectorState state) noexcept {
    switch (state) {
    case ConnectorState::copy:
        return "copy";
    case ConnectorState::streaming:
        return "streaming";
    case ConnectorState::failed:
        return "failed";
    }
    return "failed";
}

std::string to_json(const Hello& value) {
    return dump({{"protocol", value.protocol},
                 {"agent_version", value.agent_version},
                 {"source", encode(value.source)},
                 {"slot", encode(value.slot)},
                 {"schemas", value.schemas},
                 {"excluded", value.excluded},
                 {"preflight", parse_json("preflight report", value.preflight)}});
}

Hello parse_hello(std::string_view text) {
    const Document document("hello", text);
    const Fields in = document.fields();
    Hello value;
    value.protocol = in.number<int>("protocol");
    value.agent_version = in.text("agent_version");
    if (value.protocol != k_protocol_version) {
        return value;  // the caller answers with both versions; the rest may have another shape
    }
    value.source = decode_source(in.object("source"));
    value.slot = decode_slot(in.object("slot"));
    value.schemas = in.texts("schemas");
    value.excluded = in.texts("excluded");
    value.preflight = in.raw("preflight");
    return value;
}

std::string to_json(const Welcome& value) {
    return dump(
        {{"protocol", value.protocol},
         {"environment_version", value.environment_version},
         {"session", value.session},
         {"state", to_string(value.state)},
         {"durable_lsn", nullable(value.durable)},
         {"system_identifier", nullable(value.system_identifier)},
         {"timeline", nullable(value.timeline)},
         {"failure", encode(value.failure)},
         {"limits",
          {{"segment_bytes", value.limits.segment_bytes}, {"in_flight", value.limits.in_flight}}}});
}

Welcome parse_welcome(std::string_view text) {
    const Document document("the answer to hello", text);
    const Fields in = document.fields();
    Welcome value;
    value.protocol = in.number<int>("protocol");
    value.environment_version = in.text("environment_version");
    value.session = in.text("session");
    value.state = decode_state(in);
    value.durable = in.maybe_lsn("durable_lsn");
    value.system_identifier = in.maybe_text("system_identifier");
    value.timeline = in.maybe_number<std::uint32_t>("timeline");
    value.failure = decode_failure(in);
    const Fields limits = in.object("limits");
    value.limits.segment_bytes = limits.number<std::uint64_t>("segment_bytes");
    value.limits.in_flight = limits.number<unsigned>("in_flight");
    return value;
}

std::string to_json(const Progress& value) {
    return dump({{"state", to_string(value.state)},
                 {"durable_lsn", nullable(value.durable)},
                 {"next_sequence", value.next_sequence},
                 {"failure", encode(value.failure)}});
}

Progress parse_progress(std::string_view text) {
    const Document document("the answer to a segment", text);
    const Fields in = document.fields();
    Progress value;
    value.state = decode_state(in);
    value.durable = in.maybe_lsn("durable_lsn");
    value.next_sequence = in.number<std::uint64_t>("next_sequence");
    value.failure = decode_failure(in);
    return value;
}

std::string to_json(const CopyBegin& value) {
    json extensions = json::array();
    for (const ExtensionNeed& need : value.extensions) {
        extensions.push_back(
            {{"name", need.name}, {"version", need.version}, {"schema", need.schema}});
    }
    json owners = json::array();
    for (const ObjectOwner& owned : value.owners) {
        owners.push_back({{"type", owned.type},
                          {"names", owned.names},
                          {"args", owned.args},
                          {"owner", owned.owner}});
    }
    return dump({{"session", value.session},
                 {"slot", value.slot},
                 {"consistent_point", model::to_string(value.consistent_point)},
                 {"server_encoding", value.server_encoding},
                 {"extensions", std::move(extensions)},
                 {"roles", value.roles},
                 {"schemas", value.schemas},
                 {"owners", std::move(owners)},
                 {"tables", encode(value.tables)},
                 {"not_carried", encode(value.not_carried)}});
}

CopyBegin parse_copy_begin(std::string_view text) {
    const Document document("copy", text);
    const Fields in = document.fields();
    CopyBegin value;
    value.session = in.text("session");
    value.slot = in.text("slot");
    value.consistent_point = in.lsn("consistent_point");
    value.server_encoding = in.text("server_encoding");
    for (const Fields& from : in.objects("extensions")) {
        value.extensions.push_back({from.text("name"), from.text("version"), from.text("schema")});
    }
    value.roles = in.texts("roles");
    value.schemas = in.texts("schemas");
    for (const Fields& from : in.objects("owners")) {
        value.owners.push_back(
            {from.text("type"), from.texts("names"), from.texts("args"), from.text("owner")});
    }
    value.tables = decode_tables(in.objects("tables"));
    value.not_carried = decode_not_carried(in.object("not_carried"));
    return value;
}

std::string to_json(const CopyState& value) {
    return dump({{"copy_id", value.copy_id},
                 {"phase", value.phase},
                 {"detail", value.detail},
                 {"failure", encode(value.failure)}});
}

CopyState parse_copy_state(std::string_view text) {
    const Document document("the state of the copy", text);
    const Fields in = document.fields();
    return {in.text("copy_id"), in.text("phase"), in.text("detail"), decode_failure(in)};
}

std::string to_json(const CopyFinish& value) {
    return dump({{"session", value.session}, {"rows", value.rows}});
}

CopyFinish parse_copy_finish(std::string_view text) {
    const Document document("finish", text);
    const Fields in = document.fields();
    return {in.text("session"), in.numbers("rows")};
}

std::string to_json(const SchemaReport& value) {
    return dump({{"session", value.session}, {"tables", encode(value.tables)}});
}

SchemaReport parse_schema_report(std::string_view text) {
    const Document document("schema", text);
    const Fields in = document.fields();
    return {in.text("session"), decode_tables(in.objects("tables"))};
}

std::string to_json(const AgentStatus& value) {
    return dump({{"session", value.session},
                 {"source_lsn", nullable(value.source_lsn)},
                 {"retained_wal_bytes", nullable(value.retained_wal_bytes)},
                 {"wal_status", nullable(value.wal_status)},
                 {"safe_wal_size", nullable(value.safe_wal_size)},
                 {"resident_bytes", nullable(value.resident_bytes)},
                 {"wal_bytes_per_second", nullable(value.wal_bytes_per_second)},
                 {"warnings", value.warnings}});
}

AgentStatus parse_agent_status(std::string_view text) {
    const Document document("status", text);
    const Fields in = document.fields();
    AgentStatus value;
    value.session = in.text("session");
    value.source_lsn = in.maybe_lsn("source_lsn");
    value.retained_wal_bytes = in.maybe_number<std::uint64_t>("retained_wal_bytes");
    value.wal_status = in.maybe_text("wal_status");
    value.safe_wal_size = in.maybe_number<std::uint64_t>("safe_wal_size");
    value.resident_bytes = in.maybe_number<std::uint64_t>("resident_bytes");
    value.wal_bytes_per_second = in.maybe_number<std::uint64_t>("wal_bytes_per_second");
    value.warnings = in.texts("warnings");
    return value;
}

std::string to_json(const ErrorBody& value) {
    return dump({{"detail", value.detail}, {"code", value.code}});
}

ErrorBody parse_error_body(std::string_view text) {
    const json body = json::parse(text, nullptr, false);
    ErrorBody value;
    if (body.is_object() && body.contains("detail") && body["detail"].is_string()) {
        value.detail = body["detail"].get<std::string>();
        const auto code = body.find("code");
        value.code = code != body.end() && code->is_string() ? code->get<std::string>() : "";
    } else {
        value.detail = base::clip_utf8(text, 300);
    }
    return value;
}

std::string to_json(const NotCarried& value) {
    return dump(encode(value));
}

NotCarried parse_not_carried(std::string_view text) {
    const Document document("not_carried", text);
    return decode_not_carried(document.fields());
}

std::string to_json(const std::vector<TableDefinition>& value) {
    return dump({{"tables", encode(value)}});
}

std::vector<TableDefinition> parse_table_definitions(std::string_view text) {
    const Document document("tables", text);
    return decode_tables(document.fields().objects("tables"));
}

}  // namespace ardent::protocol
