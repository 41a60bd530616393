// SPDX-License-Identifier: PostgreSQL
// The messages of a session: hello, progress, schema, sequences, status.
#include "common/protocol/messages.hpp"

#include "common/protocol/json_fields.hpp"
#include "common/protocol/json_values.hpp"

#include <charconv>

namespace ardent::protocol {

namespace {

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

json encode(const DdlSource& value) {
    json made = json::object();
    for (const auto& [id, lsn] : value.made) {
        made[id] = model::to_string(lsn);
    }
    return {{"database_oid", value.database_oid},
            {"next_xid", std::to_string(value.next_xid)},
            {"keys", value.keys},
            {"made", std::move(made)},
            {"superusers", value.superusers},
            {"not_capturing", value.not_capturing}};
}

DdlSource decode_ddl(const Fields& in) {
    DdlSource value;
    value.database_oid = in.number<std::uint32_t>("database_oid");
    const std::string xid = in.text("next_xid");
    if (std::from_chars(xid.data(), xid.data() + xid.size(), value.next_xid).ec != std::errc()) {
        throw in.misfit("next_xid", "a decimal number");
    }
    value.keys = in.text_map("keys");
    for (const auto& [id, text] : in.text_map("made")) {
        const auto lsn = model::parse_lsn(text);
        if (!lsn) {
            throw in.misfit("made", "an object of LSNs");
        }
        value.made.emplace(id, *lsn);
    }
    value.superusers = in.texts("superusers");
    value.not_capturing = in.maybe_text("not_capturing").value_or("");
    return value;
}

// As text, for a JSON number above 2^53 is not exact everywhere.
json encode(const std::vector<SequenceValue>& values) {
    json list = json::array();
    for (const SequenceValue& value : values) {
        list.push_back({{"schema", value.name.schema},
                        {"name", value.name.name},
                        {"last_value", std::to_string(value.last_value)},
                        {"is_called", value.called}});
    }
    return list;
}

SequenceValue decode_sequence(const Fields& in) {
    SequenceValue value;
    value.name = {in.text("schema"), in.text("name")};
    const std::string digits = in.text("last_value");
    const char* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, value.last_value);
    if (read.ec != std::errc() || read.ptr != end) {
        throw in.misfit("last_value", "a decimal number of 64 bits");
    }
    value.called = in.boolean("is_called");
    return value;
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
                 {"excluded", encode(value.excluded)},
                 {"preflight", parse_json("preflight report", value.preflight)},
                 {"ddl", value.ddl ? encode(*value.ddl) : json(nullptr)},
                 {"search_paths", encode(value.search_paths)}});
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
    value.excluded = decode_names(in.objects("excluded"));
    value.preflight = in.raw("preflight");
    if (in.has("ddl")) {
        value.ddl = decode_ddl(in.object("ddl"));
    }
    value.search_paths = decode_search_paths(in);
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
          {{"segment_bytes", value.limits.segment_bytes}, {"in_flight", value.limits.in_flight}}},
         {"ddl_prefixes", value.ddl_prefixes}});
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
    value.failure = decode_maybe_failure(in);
    const Fields limits = in.object("limits");
    value.limits.segment_bytes = limits.number<std::uint64_t>("segment_bytes");
    value.limits.in_flight = limits.number<unsigned>("in_flight");
    value.ddl_prefixes = in.texts("ddl_prefixes");
    return value;
}

std::string to_json(const Progress& value) {
    json again = json::array();
    for (const CopyAgain& one : value.copy_again) {
        again.push_back({{"id", one.id}, {"schema", one.table.schema}, {"name", one.table.name}});
    }
    return dump({{"state", to_string(value.state)},
                 {"durable_lsn", nullable(value.durable)},
                 {"next_sequence", value.next_sequence},
                 {"failure", encode(value.failure)},
                 {"copy_again", std::move(again)}});
}

Progress parse_progress(std::string_view text) {
    const Document document("the answer to a segment", text);
    const Fields in = document.fields();
    Progress value;
    value.state = decode_state(in);
    value.durable = in.maybe_lsn("durable_lsn");
    value.next_sequence = in.number<std::uint64_t>("next_sequence");
    value.failure = decode_maybe_failure(in);
    if (in.has("copy_again")) {
        for (const Fields& one : in.objects("copy_again")) {
            value.copy_again.push_back({one.text("id"), {one.text("schema"), one.text("name")}});
        }
    }
    return value;
}

std::string to_json(const SchemaReport& value) {
    return dump({{"session", value.session},
                 {"tables", encode(value.definitions.tables)},
                 {"types", encode(value.definitions.types)},
                 {"lsn", nullable(value.lsn)},
                 {"snapshot", value.snapshot},
                 {"generated", encode(value.generated)}});
}

SchemaReport parse_schema_report(std::string_view text) {
    const Document document("schema", text);
    const Fields in = document.fields();
    return {in.text("session"),
            {decode_tables(in.objects("tables")), decode_types(in.objects("types"))},
            in.maybe_lsn("lsn"),
            in.maybe_text("snapshot").value_or(""),
            decode_generated_columns(in)};
}

std::string to_json(const SequenceReport& value) {
    return dump({{"session", value.session},
                 {"number", value.number},
                 {"lsn", model::to_string(value.lsn)},
                 {"values", encode(value.values)},
                 {"gone", encode(value.gone)},
                 {"unreadable", encode(value.unreadable)}});
}

SequenceReport parse_sequence_report(std::string_view text) {
    const Document document("sequences", text);
    const Fields in = document.fields();
    SequenceReport value;
    value.session = in.text("session");
    value.number = in.number<std::uint64_t>("number");
    value.lsn = in.lsn("lsn");
    for (const Fields& from : in.objects("values")) {
        value.values.push_back(decode_sequence(from));
    }
    value.gone = decode_names(in.objects("gone"));
    value.unreadable = decode_names(in.objects("unreadable"));
    return value;
}

std::string to_json(const AgentStatus& value) {
    json status = {{"session", value.session},
                   {"source_lsn", nullable(value.source_lsn)},
                   {"retained_wal_bytes", nullable(value.retained_wal_bytes)},
                   {"wal_status", nullable(value.wal_status)},
                   {"safe_wal_size", nullable(value.safe_wal_size)},
                   {"resident_bytes", nullable(value.resident_bytes)},
                   {"wal_bytes_per_second", nullable(value.wal_bytes_per_second)},
                   {"warnings", value.warnings}};
    if (value.preflight) {
        status["preflight"] = parse_json("preflight report", *value.preflight);
    }
    return dump(status);
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
    if (in.has("preflight")) {
        value.preflight = in.raw("preflight");
    }
    return value;
}

std::string to_json(const ErrorBody& value) {
    return dump({{"detail", value.detail}, {"code", value.code}});
}

ErrorBody parse_error_body(std::string_view text) {
    const json body = try_json(text);
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

}  // namespace ardent::protocol
