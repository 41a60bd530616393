// SPDX-License-Identifier: PostgreSQL
#include "tests/support/preflight_cases.hpp"

namespace ardent::tests {

using preflight::Decision;
using preflight::Status;

namespace {

constexpr Status k_pass = Status::pass;
constexpr Status k_warn = Status::warn;
constexpr Status k_info = Status::info;

void exclude_t(Situation& s) {
    s.request.accept.decisions["public.t"] = Decision::exclude;
}

void plugin_says_nan(Situation& s) {
    s.inside.plugin->says_nan = true;
}

/// A check of relations warns of the word, not of its neighbours, and not of a table that is
/// excluded.
void relation(std::vector<Case>& cases, const char* id, const char* words, Status status) {
    const preflight::Rows rows = {{words, "public.t", "public.t"}, {"count ", "1", ""}};
    cases.push_back({id, status, rows, nullptr, ""});
    cases.push_back({id, k_pass, rows, exclude_t});
    cases.push_back({id, k_pass, {{"unheard_of ", "public.t", "public.t"}}});
}

void column(std::vector<Case>& cases, const char* id, const char* words, Status status) {
    const preflight::Rows rows = {{words, "public.t.c", "public.t", "public.t"}};
    cases.push_back({id, status, rows, nullptr, ""});
    cases.push_back({id, k_pass, rows, exclude_t});
    cases.push_back({id, k_pass, {{"unheard_of ", "public.t.c", "public.t", "public.t"}}});
}

}  // namespace

std::vector<Case> table_cases() {
    std::vector<Case> cases = {
        {"table_count", k_pass, {{"count ", "10000", ""}}},
        {"table_count", k_warn, {{"count ", "10001", ""}}},
        {"foreign_tables", k_pass, {{"foreign_partition ", "public.t", "public.t"}}},
        {"hidden_storage", k_pass, {{"plpgsql", "1.0"}}},
        {"hidden_storage", k_warn, {{"timescaledb", "2.19"}}, nullptr, "timescaledb 2.19"},
        {"other_replication", k_pass, {{"timescaledb", "2.19"}}},
        {"other_replication", k_warn, {{"pglogical", "2.4"}}},
        {"rewriting_extensions", k_pass, {{"pglogical", "2.4"}}},
        {"rewriting_extensions", k_info, {{"pg_repack", "1.5"}}},
        {"exact_numbers",
         k_pass,
         {{"inexact ", "public.t.c", "public.t", "public.t"}},
         plugin_says_nan},
        {"special_values",
         k_warn,
         {{"number ", "public.t.c", "public.t", "public.t"}},
         nullptr,
         "2.6"},
        {"special_values",
         k_info,
         {{"number ", "public.t.c", "public.t", "public.t"}},
         plugin_says_nan},
    };
    relation(cases, "full_identity_without_key", "full_keyless full_hot ", k_warn);
    relation(cases, "full_identity_hot", "full_keyless full_hot ", k_warn);
    relation(cases, "unlogged_tables", "unlogged ", k_warn);
    relation(cases, "foreign_tables", "foreign ", k_warn);
    relation(cases, "foreign_partitions", "foreign_partition ", k_warn);
    relation(cases, "materialized_views", "materialized ", k_warn);
    relation(cases, "sequences", "sequence ", k_info);
    relation(cases, "inheritance", "parent ", k_warn);
    relation(cases, "name_collisions", "collision control ", k_warn);
    relation(cases, "control_characters", "collision control ", k_warn);
    relation(cases, "access_methods", "method ", k_warn);
    relation(cases, "never_analyzed", "unanalyzed ", k_info);
    relation(cases, "toasted_values", "toast ", k_info);
    column(cases, "table_locks", "locked ", k_warn);
    column(cases, "security_labels", "label ", k_warn);
    column(cases, "large_object_columns", "reference ", k_warn);
    column(cases, "exact_numbers", "inexact ", k_warn);
    column(cases, "special_values", "time ", k_info);
    column(cases, "generated_columns", "generated ", k_info);
    column(cases, "extension_types", "extension extension_key ", k_warn);
    column(cases, "extension_type_keys", "extension extension_key ", k_warn);
    column(cases, "structured_types", "structured ", k_info);
    const preflight::Row needed = {
        "1259", "1", "table", "[]", "[]", "public.t", "it needs type other.e", "t"};
    const preflight::Row left = {
        "1259", "2", "view", "[]", "[]", "public.v", "it needs table other.t", "f"};
    const preflight::Row part = {"2604", "3", "default value", "[]", "[]", "for public.v.a",
                                 "",     "f"};
    cases.push_back({"needed_elsewhere", k_pass, {left, part}});
    cases.push_back({"needed_elsewhere", Status::fail, {left, needed}, nullptr, "source.schemas"});
    cases.push_back({"objects_left_out", k_pass, {needed, part}});
    cases.push_back({"objects_left_out", k_warn, {left, needed}, nullptr, "source.schemas"});
    return cases;
}

}  // namespace ardent::tests
