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

// The columns' expressions are constants where they can be; a default is set to the source's, what
// generates a column cannot be. Empty: they are equal.
std::string settle_expressions(pq::Connection& connection, const model::DdlTable& table,
                               const model::DdlTable& here,
                               const std::function<void(const std::string& sql)>& run) {
    if (!table.inherits.empty()) {
        return {};  // the order of the columns may be another one
    }
    for (int column = different_expression(table, here); column >= 0;
         column = different_expression(table, here, column + 1)) {
        const auto place = static_cast<std::size_t>(column);
        const model::DdlColumn& left = table.columns.at(place);
        const model::DdlColumn& right = here.columns.at(place);
        if (same_expression(connection, table, left, right)) {
            continue;
        }
        if (!left.generated.empty() || !right.generated.empty()) {
            return "column " + left.name + " has the expression " + left.expression +
                   " at the source and " + right.expression + " in the replica";
        }
        run("ALTER TABLE ONLY " + pq::quote_qualified(table.relation.schema, table.relation.name) +
            " ALTER COLUMN " + pq::quote_identifier(left.name) + " SET DEFAULT " + left.expression);
    }
    return {};
}

// Expressions are printed as the extension prints them: as the session's settings say, but for
// those that it pins itself (extension/src/capture/definition.cpp).
model::DdlStatement printed_like(const model::DdlStatement& statement) {
    model::DdlStatement printing = statement;
    printing.search_path = "pg_catalog";
    printing.settings["quote_all_identifiers"] = "off";
    printing.settings["extra_float_digits"] = "1";
    printing.settings["bytea_output"] = "hex";
    return printing;
}

}  // namespace

void require_equal(pq::Connection& connection, const model::DdlStatement& statement,
                   const Scope& scope, const std::string& encoding, bool overtaken,
                   const std::function<void(const std::string& sql)>& run) {
    if (statement.tables.empty()) {
        return;
    }
    const model::DdlStatement printing = printed_like(statement);
    connection.exec(enter_settings(connection, printing, std::nullopt));
    const auto set_default = [&](const std::string& sql) {
        environment::clean_session(connection);
        run(sql);
        connection.exec(enter_settings(connection, printing, std::nullopt));
    };
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
        if (here && text.empty() && compared.names) {
            text = settle_expressions(connection, table, *here, set_default);
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
