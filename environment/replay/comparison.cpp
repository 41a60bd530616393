// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/comparison.hpp"

#include "environment/instance/superuser.hpp"
#include "environment/replay/definitions.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replay/statement_settings.hpp"

#include <optional>

namespace ardent::replay {

namespace {

bool makes_owner(const model::DdlStatement& statement, const SqlText& sql) {
    return statement.tag.starts_with("CREATE") || sql.name_after({"owner", "to"}).has_value();
}

}  // namespace

void require_equal(pq::Connection& connection, const model::DdlStatement& statement,
                   const Scope& scope, const std::string& encoding, bool overtaken) {
    if (statement.tables.empty()) {
        return;
    }
    // expressions are printed as these settings say, here as there
    model::DdlStatement printing = statement;
    printing.search_path = "pg_catalog";
    connection.exec(enter_settings(connection, printing, std::nullopt));
    const Compared compared = {
        makes_owner(statement, read_text(statement, statement.text.value_or(""))), !overtaken};
    for (const model::DdlTable& table : statement.tables) {
        // somebody else may have changed it since, and be here already
        const bool current = table.lock.empty() || table.lock == "share";
        if (!carries(scope, table.relation) || !current) {
            continue;
        }
        const auto here = read_definition(connection, table.relation, encoding);
        std::string text = here ? describe_difference(table, *here, compared)
                                : std::string("it is missing in the replica");
        const int column =
            here && text.empty() && compared.names ? different_expression(table, *here) : -1;
        if (column >= 0) {
            const auto place = static_cast<std::size_t>(column);
            const model::DdlColumn& left = table.columns.at(place);
            const model::DdlColumn& right = here->columns.at(place);
            if (table.inherits.empty() && !same_expression(connection, table, left, right)) {
                text = "column " + left.name + " has the expression " + left.expression +
                       " at the source and " + right.expression + " in the replica";
            }
        }
        if (!text.empty()) {
            throw base::Error(
                base::ErrorKind::replica,
                "after a " + statement.tag + " of the source table " +
                    model::to_string(table.relation) + " is another one here: " + text +
                    "; statement: " + shown(statement.text.value_or("")),
                "Make the replica's table what the source's is before this statement, then "
                "run retry-setup; or make a new copy.");
        }
    }
    environment::clean_session(connection);
}

}  // namespace ardent::replay
