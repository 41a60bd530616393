// SPDX-License-Identifier: PostgreSQL
#include "extension/src/arguments.hpp"

#include "common/base/error.hpp"

namespace ardent::ext {

namespace {

constexpr const char* k_entries = R"(
SELECT e.key, pg_catalog.jsonb_typeof(e.value), e.value #>> '{}', e.value
  FROM pg_catalog.jsonb_each($1::pg_catalog.jsonb) AS e (key, value)
)";

constexpr const char* k_type = R"(
SELECT pg_catalog.jsonb_typeof($1::pg_catalog.jsonb)
)";

base::Error misfit(const std::string& what) {
    return {
        base::ErrorKind::config, what,
        "Write it as {\"large_objects\": true, \"decisions\": {\"schema.table\": \"exclude\"}}.",
        "22023"};
}

preflight::Rows entries(preflight::QueryRunner& runner, const std::string& jsonb,
                        const char* name) {
    if (runner.run(k_type, {jsonb}).at(0).at(0) != "object") {
        throw misfit(std::string(name) + " is no JSON object");
    }
    return runner.run(k_entries, {jsonb});
}

}  // namespace

std::map<std::string, preflight::Decision> read_decisions(preflight::QueryRunner& runner,
                                                          const std::string& jsonb) {
    std::map<std::string, preflight::Decision> decisions;
    for (const preflight::Row& row : entries(runner, jsonb, "decisions")) {
        decisions.emplace(row.at(0).value_or(""),
                          preflight::parse_decision(row.at(2).value_or("null")));
    }
    return decisions;
}

preflight::Accept read_accept(preflight::QueryRunner& runner,
                              const std::optional<std::string>& jsonb) {
    preflight::Accept accept;
    if (!jsonb) {
        return accept;
    }
    for (const preflight::Row& row : entries(runner, *jsonb, "accept")) {
        const std::string key = row.at(0).value_or("");
        if (key == "large_objects" && row.at(1) == "boolean") {
            accept.large_objects = row.at(2) == "true";
        } else if (key == "decisions") {
            accept.decisions = read_decisions(runner, row.at(3).value_or("null"));
        } else {
            throw misfit("accept does not understand \"" + key + "\"");
        }
    }
    return accept;
}

std::string read_provider(const std::optional<std::string>& text) {
    return text ? preflight::parse_provider(*text) : "";
}

}  // namespace ardent::ext
