// SPDX-License-Identifier: PostgreSQL
// Foreign keys in a statement's text that refer to a table which the connector does not carry: the
// replica has no such table, and a foreign key changes no row. Pure; any thread.
#pragma once

#include "environment/replay/plan.hpp"
#include "environment/replay/sql_text.hpp"

#include <optional>
#include <string>

namespace ardent::replay {

struct WithoutForeignKey {
    std::string text;        // empty: the statement did nothing else
    std::string referenced;  // "auth.users"
};

/// CREATE TABLE or ALTER TABLE without the first of them, nullopt when there is none. A name
/// without its schema is not looked up.
std::optional<WithoutForeignKey> without_foreign_key(const SqlText& sql, const Scope& scope);

}  // namespace ardent::replay
