// SPDX-License-Identifier: PostgreSQL
// What may be told of a hook that failed: it goes into the branch's record, the operation and the
// log, and a hook masks data, so that its literals and the rows that it met belong into none of
// them. Pure; any thread.
#pragma once

#include "common/base/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ardent::environment {

/// Where in a hook.
struct HookPlace {
    std::string hook;
    std::size_t statement = 0;  // from 1
    std::size_t line = 0;       // where the statement begins
};

/// "hook mask, statement 3 (line 12)"
std::string to_string(const HookPlace& place);

/// A server's error about `statement`, without what is told there as a literal, and with its
/// SQLSTATE.
std::string failure_text(const base::Error& error, std::string_view statement,
                         bool standard_strings);

/// Every literal of the statement is replaced, also one inside of a dollar-quoted body.
std::string without_literals(std::string said, std::string_view statement, bool standard_strings);

}  // namespace ardent::environment
