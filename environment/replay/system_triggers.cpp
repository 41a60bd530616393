// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/system_triggers.hpp"

namespace ardent::replay {

std::optional<AllTriggers> all_triggers(const SqlText& sql) {
    const bool enables = sql.find({"enable", "trigger", "all"}).has_value();
    const auto place = sql.find({enables ? "enable" : "disable", "trigger", "all"});
    const std::vector<Token>& tokens = sql.tokens();
    if (!place || !tokens[0].is("alter") || !tokens[1].is("table")) {
        return std::nullopt;
    }
    const Token& all = tokens[*place + 2];
    const std::string& text = sql.text();
    const auto only = sql.find({"only"});
    return AllTriggers{text.substr(0, all.begin) + "USER" + text.substr(all.end),
                       enables ? "ENABLE" : "DISABLE", only && *only < *place};
}

}  // namespace ardent::replay
