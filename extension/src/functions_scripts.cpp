// SPDX-License-Identifier: PostgreSQL
#include "extension/src/arguments.hpp"

#include "common/preflight/preflight.hpp"
#include "common/preflight/scripts.hpp"

#include "extension/src/pg/query.hpp"
#include "extension/src/pg/values.hpp"

namespace {

using namespace ardent;
namespace pg = ardent::ext::pg;

const char* setting_name(char setting) noexcept {
    switch (setting) {
    case 'f':
        return "full";
    case 'i':
        return "index";
    case 'n':
        return "nothing";
    default:
        return "default";
    }
}

preflight::Cell or_null(const std::string& text) {
    return text.empty() ? preflight::Cell() : preflight::Cell(text);
}

preflight::Rows as_rows(const std::vector<preflight::TableIdentity>& tables) {
    preflight::Rows rows;
    for (const preflight::TableIdentity& table : tables) {
        rows.push_back({table.quoted_name, setting_name(table.setting),
                        table.identified() ? "true" : "false", or_null(table.index),
                        or_null(table.columns), or_null(table.candidate),
                        table.identified() ? "{}" : "{exclude,add_pk,replica_identity_full}"});
    }
    return rows;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(ardent_grant_script);
PG_FUNCTION_INFO_V1(ardent_settings_script);
PG_FUNCTION_INFO_V1(ardent_hba_lines);
PG_FUNCTION_INFO_V1(ardent_replica_identity);
PG_FUNCTION_INFO_V1(ardent_replica_identity_script);

PGDLLEXPORT Datum ardent_grant_script(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        pg::BackendProbe probe;
        preflight::Request request;
        request.schemas = preflight::parse_schema_list(pg::text_argument(fcinfo, 0).value_or(""));
        request.role = pg::name_argument(fcinfo, 1).value_or(preflight::k_default_role);
        request.full_grants = pg::boolean_argument(fcinfo, 2);
        request.accept = ext::read_accept(runner, pg::jsonb_argument(fcinfo, 3));
        request.provider = ext::read_provider(pg::text_argument(fcinfo, 4));
        return pg::text_result(preflight::grant_script(runner, request, &probe).text);
    });
}

PGDLLEXPORT Datum ardent_settings_script(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        return pg::text_result(
            preflight::settings_script(runner, ext::read_provider(pg::text_argument(fcinfo, 0))));
    });
}

PGDLLEXPORT Datum ardent_hba_lines(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        return pg::text_result(preflight::hba_lines(
            runner, pg::name_argument(fcinfo, 0).value_or(preflight::k_default_role),
            pg::text_argument(fcinfo, 1).value_or("")));
    });
}

PGDLLEXPORT Datum ardent_replica_identity(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        const auto schemas =
            preflight::parse_schema_list(pg::text_argument(fcinfo, 0).value_or(""));
        return pg::rows_result(fcinfo, as_rows(preflight::replica_identities(runner, schemas)));
    });
}

PGDLLEXPORT Datum ardent_replica_identity_script(PG_FUNCTION_ARGS) {
    return pg::enter([&]() -> Datum {
        pg::SpiRunner runner;
        const auto decisions =
            ext::read_decisions(runner, pg::jsonb_argument(fcinfo, 0).value_or("null"));
        return pg::text_result(preflight::replica_identity_script(runner, decisions));
    });
}
}
