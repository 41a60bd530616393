// SPDX-License-Identifier: PostgreSQL
// Bodies of the public API's requests and answers. Any thread. Throws HttpError 422 for what cannot
// be read.
#pragma once

#include "environment/server/http.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace ardent::environment {

inline constexpr std::uint64_t k_body_limit = 1048576;

/// An empty body is an object without fields.
nlohmann::json read_object(const HttpRequest& request);

/// `otherwise` when it is absent or null.
std::string text_field(const nlohmann::json& body, const char* name, const std::string& otherwise);

/// False when it is absent or null.
bool flag_field(const nlohmann::json& body, const char* name);

HttpResponse answer(int status, const nlohmann::json& body);

}  // namespace ardent::environment
