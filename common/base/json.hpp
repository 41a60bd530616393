// SPDX-License-Identifier: PostgreSQL
// The one reader of JSON text, whoever it is from: `make lint` finds a second one. Included by .cpp
// files only (it brings nlohmann/json). Pure; any thread.
#pragma once

#include "common/base/error.hpp"
#include "common/base/json_depth.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace ardent::base {

/// Throws Error (bug), which begins with `what`: no JSON, or nested deeper than k_json_depth.
inline nlohmann::json parse_json(const std::string& what, std::string_view text) {
    if (!json_depth_within(text, k_json_depth)) {
        throw Error(ErrorKind::bug,
                    what + " is nested deeper than " + std::to_string(k_json_depth) + " levels");
    }
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& e) {
        throw Error(ErrorKind::bug, what + " is no JSON: " + e.what());
    }
}

/// The same for a text that may be something else: then a value that `is_discarded()`.
inline nlohmann::json try_json(std::string_view text) {
    return json_depth_within(text, k_json_depth)
               ? nlohmann::json::parse(text, nullptr, false)
               : nlohmann::json(nlohmann::json::value_t::discarded);
}

}  // namespace ardent::base
