// SPDX-License-Identifier: PostgreSQL
// ALTER TABLE … ENABLE or DISABLE TRIGGER ALL takes the triggers of foreign keys along, which only
// a superuser may: fixtures and data loads of many kinds say it. Pure; any thread.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/replay/sql_text.hpp"

#include <optional>
#include <string>

namespace ardent::replay {

struct AllTriggers {
    std::string text;  // the statement with USER instead of ALL: what its role may do
    std::string verb;  // ENABLE or DISABLE
    bool only = false;

    /// The rest of it, for the superuser.
    std::string of_system(const model::RelationName& table) const {
        return std::string("ALTER TABLE ") + (only ? "ONLY " : "") +
               pq::quote_qualified(table.schema, table.name) + " " + verb + " TRIGGER ALL";
    }
};

/// nullopt when the statement is of another kind.
std::optional<AllTriggers> all_triggers(const SqlText& sql);

}  // namespace ardent::replay
