// SPDX-License-Identifier: PostgreSQL
#include "environment/state/record_json.hpp"

#include "common/protocol/json_fields.hpp"
#include "common/protocol/json_values.hpp"

namespace ardent::environment {

using protocol::Document;
using protocol::dump;
using protocol::Fields;
using protocol::json;

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

}  // namespace ardent::environment
