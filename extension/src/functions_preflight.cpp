// SPDX-License-Identifier: PostgreSQL
#include "extension/src/arguments.hpp"

#include "common/base/text.hpp"
#include "common/preflight/names.hpp"
#include "common/preflight/preflight.hpp"

#include "extension/src/pg/query.hpp"
#include "extension/src/pg/values.hpp"

namespace {

using namespace ardent;
namespace pg = ardent::ext::pg;

preflight::Report examine(FunctionCallInfo fcinfo, int accept_number) {
    pg::SpiRunner runner;
    pg::BackendProbe probe;
    preflight::Request request;
    request.schemas = preflight::parse_schema_list(pg::text_argument(fcinfo, 0).value_or(""));
    request.role = pg::name_argument(fcinfo, 1).value_or(preflight::k_default_role);
    request.accept = ext::read_accept(runner, pg::jsonb_argument(fcinfo, accept_number));
    request.provider = ext::read_provider(pg::text_argument(fcinfo, accept_number + 1));
    return preflight::run(runner, request, &probe);
}

preflight::Cell or_null(const std::string& text) {
    return text.empty() ? preflight::Cell() : preflight::Cell(text);
}

preflight::Rows as_rows(const preflight::Report& report) {
    preflight::Rows rows;
    for (const preflight::CheckResult& check : report.checks) {
        rows.push_back({std::to_string(rows.size() + 1), to_string(check.section), check.id,
                        check.label, to_string(check.status), or_null(check.actual),
                        or_null(check.expected), or_null(base::join(check.details, "\n")),
                        or_null(check.hint), or_null(check.fix),
                        preflight::array_text(check.objects)});
    }
    return rows;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(ardent_preflight);
PG_FUNCTION_INFO_V1(ardent_preflight_checks);
PG_FUNCTION_INFO_V1(ardent_preflight_report);

PGDLLEXPORT Datum ardent_preflight(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        const preflight::Report report = examine(fcinfo, 3);
        preflight::TextOptions options;
        options.letters =
            pg::speaks_utf8() ? preflight::Letters::unicode : preflight::Letters::ascii;
        options.verbose = pg::boolean_argument(fcinfo, 2);
        preflight::Rows rows;
        for (std::string& line : preflight::to_text(report, options)) {
            rows.push_back({std::move(line)});
        }
        return pg::rows_result(fcinfo, rows);
    });
}

PGDLLEXPORT Datum ardent_preflight_checks(PG_FUNCTION_ARGS) {
    return pg::enter(
        [&]() -> Datum { return pg::rows_result(fcinfo, as_rows(examine(fcinfo, 2))); });
}

PGDLLEXPORT Datum ardent_preflight_report(PG_FUNCTION_ARGS) {
    return pg::enter(
        [&]() -> Datum { return pg::jsonb_result(preflight::to_json(examine(fcinfo, 2), false)); });
}
}
