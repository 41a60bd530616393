// SPDX-License-Identifier: PostgreSQL
// What ends a command, with the word that programs decide by. Pure; any thread.
#pragma once

#include "common/base/error.hpp"

#include <string>

namespace ardent::cli {

/// The product's words: offline, not_authenticated, not_found, no_projects, no_connectors,
/// connector_unavailable, no_current_branch, invalid_name, invalid_arguments, branch_url_missing,
/// create_succeeded_but_details_missing, timeout, api_error.
class Failure : public base::Error {
public:
    Failure(std::string code, const std::string& message, std::string hint = {},
            base::ErrorKind kind = base::ErrorKind::replica)
        : base::Error(kind, message, std::move(hint)), m_code(std::move(code)) {}

    const std::string& code() const noexcept { return m_code; }

private:
    std::string m_code;
};

/// The environment answered, and refused.
class ApiRefusal : public Failure {
public:
    struct Answer {
        long status = 0;
        std::string code;          // the API's own word ("branch_differs", "disk"), may be empty
        std::string operation_id;  // that is in the way, may be empty
    };
    ApiRefusal(const std::string& product_code, Answer answer, const std::string& message,
               std::string hint, base::ErrorKind kind)
        : Failure(product_code, message, std::move(hint), kind), m_answer(std::move(answer)) {}

    const Answer& answer() const noexcept { return m_answer; }

private:
    Answer m_answer;
};

/// The way on where an answer is none of an environment's.
inline constexpr const char* k_which_environment =
    "Is this an Ardent environment, and of this version?";

/// What was given to the program is wrong, found before any request: exit code 2.
inline Failure usage_failure(const std::string& message, std::string hint = {}) {
    return Failure("invalid_arguments", message, std::move(hint), base::ErrorKind::config);
}

/// 1, or 2 for what the person who typed the command has to mend (base::ErrorKind::config).
int exit_code_of(const base::Error& error) noexcept;

/// {"schema_version": 1, "error": {"code", "message", "hint", "api_code"}}, with a line feed; null
/// where there is nothing.
std::string error_json(const base::Error& error);

}  // namespace ardent::cli
