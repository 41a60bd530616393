// SPDX-License-Identifier: PostgreSQL
#include "environment/state/record_json.hpp"

#include "common/protocol/json_fields.hpp"
#include "common/protocol/json_values.hpp"

namespace ardent::environment {

using protocol::Document;
using protocol::dump;
using protocol::Fields;
using protocol::json;

namespace {

json steps_to_json(const std::vector<BranchStep>& steps) {
    json list = json::array();
    for (const BranchStep& step : steps) {
        list.push_back({{"name", step.name}, {"ms", step.ms}});
    }
    return list;
}

std::vector<BranchStep> parse_steps(const Fields& in, const char* name) {
    std::vector<BranchStep> steps;
    for (const Fields& step : in.objects(name)) {
        steps.push_back({step.text("name"), step.number<std::uint64_t>("ms")});
    }
    return steps;
}

}  // namespace

std::string texts_to_json(const std::vector<std::string>& texts) {
    return dump({{"list", texts}});
}

std::vector<std::string> parse_texts(std::string_view text) {
    const Document document("list", text);
    return document.fields().texts("list");
}

std::string relations_to_json(const std::vector<model::RelationName>& relations) {
    return dump({{"list", protocol::encode(relations)}});
}

std::vector<model::RelationName> parse_relations(std::string_view text) {
    const Document document("list of tables", text);
    return protocol::decode_names(document.fields().objects("list"));
}

std::string text_map_to_json(const std::map<std::string, std::string>& texts) {
    return dump({{"map", texts}});
}

std::map<std::string, std::string> parse_text_map(std::string_view text) {
    const Document document("map", text);
    return document.fields().text_map("map");
}

std::string triggers_to_json(const std::vector<DisabledTrigger>& triggers) {
    json list = json::array();
    for (const DisabledTrigger& trigger : triggers) {
        list.push_back({{"schema", trigger.relation.schema},
                        {"table", trigger.relation.name},
                        {"name", trigger.name},
                        {"enabled", std::string(1, trigger.enabled)},
                        {"rule", trigger.rule}});
    }
    return dump({{"list", std::move(list)}});
}

std::vector<DisabledTrigger> parse_triggers(std::string_view text) {
    const Document document("disabled triggers", text);
    std::vector<DisabledTrigger> triggers;
    for (const Fields& in : document.fields().objects("list")) {
        triggers.push_back({{in.text("schema"), in.text("table")},
                            in.text("name"),
                            in.letter("enabled"),
                            in.boolean("rule")});
    }
    return triggers;
}

std::string body_to_json(const BranchRecord& record) {
    return dump({{"requested_name", record.requested_name},
                 {"failure", record.failure},
                 {"major", record.major},
                 {"database", record.database},
                 {"role", record.role},
                 {"password", record.password},
                 {"method", record.method},
                 {"lsn", protocol::nullable(record.lsn)},
                 {"commit_time", record.commit_time},
                 {"steps", steps_to_json(record.steps)},
                 {"missing", record.missing},
                 {"warning", record.warning},
                 {"protected", record.is_protected},
                 {"expires", record.expires},
                 {"ttl", protocol::nullable(record.ttl)},
                 {"suspend_after", protocol::nullable(record.suspend_after)},
                 {"reset_body", record.reset_body},
                 {"durable", record.durable},
                 {"disk_stop", record.disk_stop},
                 {"last_activity", record.last_activity},
                 {"ready_at", record.ready_at},
                 {"hooks", steps_to_json(record.hooks)},
                 {"masked_at", record.masked_at}});
}

void body_into(BranchRecord& record, std::string_view text) {
    const Document document("branch", text);
    const Fields in = document.fields();
    record.requested_name = in.text("requested_name");
    record.failure = in.text("failure");
    record.major = in.number<int>("major");
    record.database = in.text("database");
    record.role = in.text("role");
    record.password = in.text("password");
    record.method = in.text("method");
    record.lsn = in.maybe_lsn("lsn");
    record.commit_time = in.text("commit_time");
    record.steps = parse_steps(in, "steps");
    record.missing = in.texts("missing");
    record.warning = in.text("warning");
    record.is_protected = in.boolean("protected");
    record.expires = in.number<std::int64_t>("expires");
    record.ttl = in.maybe_number<std::int64_t>("ttl");
    record.suspend_after = in.maybe_number<std::int64_t>("suspend_after");
    record.reset_body = in.text("reset_body");
    record.durable = in.boolean("durable");
    record.disk_stop = in.maybe_text("disk_stop").value_or("");
    record.last_activity = in.maybe_number<std::int64_t>("last_activity").value_or(0);
    record.ready_at = in.text("ready_at");
    record.hooks = in.has("hooks") ? parse_steps(in, "hooks") : std::vector<BranchStep>();
    record.masked_at = in.maybe_text("masked_at").value_or("");
}

}  // namespace ardent::environment
