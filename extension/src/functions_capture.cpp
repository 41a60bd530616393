// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/capture.hpp"
#include "extension/src/capture/key.hpp"
#include "extension/src/capture/switch.hpp"

#include "common/base/error.hpp"

#include "extension/src/pg/values.hpp"

namespace {

using namespace ardent;
namespace pg = ardent::ext::pg;
namespace capture = ardent::ext::capture;

Datum fired(FunctionCallInfo call_info, capture::Event event) {
    if (!CALLED_AS_EVENT_TRIGGER(call_info)) {
        throw base::Error(base::ErrorKind::config, "this function is for event triggers only", "",
                          "39P03");
    }
    capture::handle(event, reinterpret_cast<const EventTriggerData*>(call_info->context));
    return Datum(0);
}

// The server's list is in the order of the names, and nothing behind VACUUM fires event triggers.
preflight::Rows captured_tags() {
    preflight::Rows rows;
    for (int tag = 0; tag <= CMDTAG_VACUUM; ++tag) {
        if (command_tag_event_trigger_ok(static_cast<CommandTag>(tag))) {
            rows.push_back({std::string(GetCommandTagName(static_cast<CommandTag>(tag)))});
        }
    }
    return rows;
}

Datum switched(FunctionCallInfo call_info) {
    if (!superuser()) {
        throw base::Error(base::ErrorKind::config, "only a superuser switches DDL capture",
                          "Event triggers belong to superusers.", "42501");
    }
    const bool on = pg::boolean_argument(call_info, 0);
    const std::string role = pg::name_argument(call_info, 1).value_or("");
    const bool forget = pg::boolean_argument(call_info, 2);
    if (call_info->args[0].isnull || (on && role.empty()) || (on && forget)) {
        throw base::Error(base::ErrorKind::config,
                          "say true with a role, or false, with forget_keys or without", "",
                          "22023");
    }
    const char* const name = role.c_str();
    const char* const said =
        pg::call([&] { return on ? capture::switch_on(name) : capture::switch_off(forget); });
    if (said == nullptr) {
        throw base::Error(
            base::ErrorKind::transient,
            "an agent that streams from this database did not let go of its slot",
            "A stream that began before the key was made would leave out the messages "
            "of DDL. See ardent_slots, stop the agent, and try again.",
            "55006");
    }
    return pg::text_result(said);
}

Datum prefix(FunctionCallInfo call_info) {
    const capture::Key* const key = pg::call([] { return capture::current_key(); });
    if (key == nullptr) {
        call_info->isnull = true;
        return Datum(0);
    }
    return pg::text_result(key->prefix);
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(ardent_ddl_command_start);
PG_FUNCTION_INFO_V1(ardent_sql_drop);
PG_FUNCTION_INFO_V1(ardent_table_rewrite);
PG_FUNCTION_INFO_V1(ardent_ddl_command_end);
PG_FUNCTION_INFO_V1(ardent_ddl_capture);
PG_FUNCTION_INFO_V1(ardent_ddl_prefix);
PG_FUNCTION_INFO_V1(ardent_ddl_tags);

PGDLLEXPORT Datum ardent_ddl_command_start(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return fired(fcinfo, capture::Event::start); });
}

PGDLLEXPORT Datum ardent_sql_drop(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return fired(fcinfo, capture::Event::drop); });
}

PGDLLEXPORT Datum ardent_table_rewrite(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return fired(fcinfo, capture::Event::rewrite); });
}

PGDLLEXPORT Datum ardent_ddl_command_end(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return fired(fcinfo, capture::Event::end); });
}

PGDLLEXPORT Datum ardent_ddl_capture(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return switched(fcinfo); });
}

PGDLLEXPORT Datum ardent_ddl_prefix(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return prefix(fcinfo); });
}

PGDLLEXPORT Datum ardent_ddl_tags(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum { return pg::rows_result(fcinfo, captured_tags()); });
}
}
