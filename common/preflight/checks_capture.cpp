// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"

#include <array>

namespace ardent::preflight {

namespace {

Outcome judge_event_triggers(const Context& context) {
    Outcome outcome;
    if (context.rows.empty()) {
        return no_role(context);
    }
    if (!context.flag(0, 0) && !context.flag(0, 9)) {
        return finding(Status::info, "not the role itself",
                       "The role cannot create event triggers. Replication of rows needs none.");
    }
    outcome.actual = "may create them";
    return outcome;
}

Outcome judge_messages(const Context& context) {
    if (context.rows.empty()) {
        return no_role(context);
    }
    Outcome outcome;
    outcome.actual = "may write them";
    const std::string closed = context.text(0, 10);
    if (!closed.empty()) {
        outcome = finding(
            Status::info, "closed",
            "The role may not write logical messages. Replication does not need them.",
            "Run the fix if the agent is to write marks into the stream.",
            "GRANT EXECUTE ON FUNCTION " + closed + " TO " + context.server.quoted_role + ";");
    }
    return outcome;
}

constexpr Section k_here = Section::capture;

}  // namespace

Checks capture_checks() noexcept {
    static const std::array<Check, 2> k_checks = {{
        {"event_trigger_rights", k_here, "event trigger rights", "not needed by the role", &k_role,
         judge_event_triggers, false},
        {"logical_messages", k_here, "logical messages", "EXECUTE", &k_role, judge_messages, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
