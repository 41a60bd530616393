// SPDX-License-Identifier: PostgreSQL
#include "common/preflight/judging.hpp"
#include "common/preflight/outside_objects.hpp"

#include <array>

namespace ardent::preflight {

namespace {

const Observation k_outside = {k_outside_objects, Arguments::schemas_and_excluded};

constexpr std::size_t k_type = 2;
constexpr std::size_t k_identity = 5;
constexpr std::size_t k_because = 6;
constexpr std::size_t k_needed = 7;

std::vector<std::string> objects_of(const Context& context, bool needed) {
    std::vector<std::string> objects;
    for (std::size_t row = 0; row < context.rows.size(); ++row) {
        if (context.flag(row, k_needed) == needed && !context.text(row, k_because).empty()) {
            objects.push_back(context.text(row, k_type) + " " + context.text(row, k_identity) +
                              ": " + context.text(row, k_because));
        }
    }
    return objects;
}

Outcome judge_needed(const Context& context) {
    return listed(
        objects_of(context, true), Status::fail,
        "Tables cannot be carried, or not all of their rows, without what lies elsewhere:",
        "Add the schema to source.schemas, or exclude the table (source.exclude).");
}

Outcome judge_left_out(const Context& context) {
    return listed(objects_of(context, false), Status::warn,
                  "The replica will not have these, because of what is not carried or takes a "
                  "superuser; no row differs for that:",
                  "Add the schemas that they need to source.schemas where branches need them.");
}

}  // namespace

Checks outside_checks() noexcept {
    static const std::array<Check, 2> k_checks = {{
        {"needed_elsewhere", Section::tables, "needed elsewhere", "none", &k_outside, judge_needed},
        {"objects_left_out", Section::tables, "objects left out", "none", &k_outside,
         judge_left_out, false},
    }};
    return k_checks;
}

}  // namespace ardent::preflight
