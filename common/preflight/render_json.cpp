// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/preflight/json_writer.hpp"
#include "common/preflight/preflight.hpp"

namespace ardent::preflight {

std::string to_json(const Report& report, bool utf8) {
    JsonWriter json(utf8);
    json.open();
    json.key("preflight_pass").boolean(report.preflight_pass);
    json.key("branching_prerequisites_pass").boolean(report.branching_prerequisites_pass);
    json.key("checks").open();
    std::size_t ordinal = 0;
    for (const CheckResult& check : report.checks) {
        json.key(check.id).open();
        json.key("ordinal").number(++ordinal);
        json.key("label").text(check.label);
        json.key("section").text(to_string(check.section));
        json.key("status").text(to_string(check.status));
        json.key("actual").text_or_null(check.actual);
        json.key("expected").text_or_null(check.expected);
        json.key("detail").text_or_null(base::join(check.details, "\n"));
        json.key("hint").text_or_null(check.hint);
        json.key("fix").text_or_null(check.fix);
        json.key("objects").texts(check.objects);
        json.close();
    }
    json.close();
    json.key("grant_script").text_or_null(report.grant_script);
    json.key("settings_script").text_or_null(report.settings_script);
    json.key("source_provider").text_or_null(report.source_provider);
    json.key("source_metadata").open();
    for (const auto& [name, value] : report.source_metadata) {
        json.key(name).text_or_null(value);
    }
    json.close();
    json.close();
    return json.take();
}

}  // namespace ardent::preflight
