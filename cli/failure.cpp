// SPDX-License-Identifier: PostgreSQL
#include "cli/failure.hpp"

#include <nlohmann/json.hpp>

namespace ardent::cli {

using base::ErrorKind;
using json = nlohmann::ordered_json;

namespace {

constexpr int k_exit_runtime = 1;
constexpr int k_exit_usage = 2;
constexpr int k_schema_version = 1;

std::string code_of(const base::Error& error) {
    if (const auto* const failure = dynamic_cast<const Failure*>(&error)) {
        return failure->code();
    }
    switch (error.kind()) {
    case ErrorKind::transient:
        return "offline";
    case ErrorKind::config:
        return "invalid_arguments";
    case ErrorKind::source:
    case ErrorKind::replica:
    case ErrorKind::bug:
        break;
    }
    return "api_error";
}

json text_or_null(const std::string& text) {
    return text.empty() ? json() : json(text);
}

}  // namespace

int exit_code_of(const base::Error& error) noexcept {
    return error.kind() == ErrorKind::config ? k_exit_usage : k_exit_runtime;
}

std::string error_json(const base::Error& error) {
    const auto* const refusal = dynamic_cast<const ApiRefusal*>(&error);
    json inner;
    inner["code"] = code_of(error);
    inner["message"] = error.what();
    inner["hint"] = text_or_null(error.hint());
    inner["api_code"] = text_or_null(refusal == nullptr ? "" : refusal->answer().code);
    json outer;
    outer["schema_version"] = k_schema_version;
    outer["error"] = inner;
    return outer.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace ardent::cli
