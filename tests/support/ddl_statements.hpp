// SPDX-License-Identifier: PostgreSQL
// Statements of a source for the tests of replaying, and what its connector carries. Values.
#pragma once

#include "common/model/ddl.hpp"
#include "environment/replay/plan.hpp"

#include <string>

namespace ardent::tests {

inline const replay::Scope k_scope{{"public", "app"}, {{"public", "secret"}}};

inline model::DdlStatement statement_of(const std::string& tag, const std::string& text) {
    model::DdlStatement statement;
    statement.tag = tag;
    statement.text = text;
    return statement;
}

}  // namespace ardent::tests
