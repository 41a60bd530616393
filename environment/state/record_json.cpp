// SPDX-License-Identifier: PostgreSQL
#include "environment/state/record_json.hpp"

#include "common/protocol/json_fields.hpp"

namespace ardent::environment {

using protocol::Document;
using protocol::dump;
using protocol::Fields;
using protocol::json;
using protocol::nullable;

std::string failure_to_json(const protocol::Failure& failure) {
    return dump({{"message", failure.message},
                 {"hint", failure.hint},
                 {"lsn", nullable(failure.lsn)},
                 {"table", failure.table}});
}

protocol::Failure parse_failure(std::string_view text) {
    const Document document("failure", text);
    const Fields in = document.fields();
    protocol::Failure failure;
    failure.message = in.text("message");
    failure.hint = in.text("hint");
    failure.lsn = in.maybe_lsn("lsn");
    failure.table = in.text("table");
    return failure;
}

std::string source_to_json(const protocol::SourceIdentity& source) {
    return dump({{"system_identifier", source.system_identifier},
                 {"timeline", source.timeline},
                 {"server_version_num", source.server_version_num},
                 {"database", source.database},
                 {"server_encoding", source.server_encoding},
                 {"locale_provider", source.locale_provider},
                 {"lc_collate", source.lc_collate},
                 {"lc_ctype", source.lc_ctype},
                 {"icu_locale", nullable(source.icu_locale)},
                 {"extension_version", nullable(source.extension_version)}});
}

protocol::SourceIdentity parse_source(std::string_view text) {
    const Document document("source", text);
    const Fields in = document.fields();
    protocol::SourceIdentity source;
    source.system_identifier = in.text("system_identifier");
    source.timeline = in.number<std::uint32_t>("timeline");
    source.server_version_num = in.number<int>("server_version_num");
    source.database = in.text("database");
    source.server_encoding = in.text("server_encoding");
    source.locale_provider = in.text("locale_provider");
    source.lc_collate = in.text("lc_collate");
    source.lc_ctype = in.text("lc_ctype");
    source.icu_locale = in.maybe_text("icu_locale");
    source.extension_version = in.maybe_text("extension_version");
    return source;
}

std::string texts_to_json(const std::vector<std::string>& texts) {
    return dump({{"list", texts}});
}

std::vector<std::string> parse_texts(std::string_view text) {
    const Document document("list", text);
    return document.fields().texts("list");
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
