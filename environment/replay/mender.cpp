// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/mender.hpp"

#include "environment/replay/foreign_keys.hpp"
#include "environment/replay/missing.hpp"
#include "environment/replay/parameters.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace ardent::replay {

using base::Error;

namespace {

bool calls(const std::string& expression, const MissingFunction& function) {
    const SqlText sql(expression, true);
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i + 3 < tokens.size(); ++i) {
        if (tokens[i].name() && tokens[i].text == function.schema && tokens[i + 1].symbol('.') &&
            tokens[i + 2].name() && tokens[i + 2].text == function.name &&
            tokens[i + 3].symbol('(')) {
            return true;
        }
    }
    return false;
}

}  // namespace

void Mender::create_server(pq::Connection& connection, const std::string& name) {
    m_privileged.create_inert_wrapper();
    hear_of_others(connection);
    connection.exec("CREATE SERVER IF NOT EXISTS " + pq::quote_identifier(name) +
                    " FOREIGN DATA WRAPPER " + k_inert_wrapper);
}

std::vector<std::string> Mender::take_notes() {
    return std::exchange(m_notes, {});
}

// True when trying again is worth it.
bool Mender::mend(pq::Connection& connection, const Error& error,
                  const model::DdlStatement& statement, std::string& text,
                  std::set<std::string>& made) {
    if (const auto role = missing_role(error)) {
        if (!made.insert("role " + *role).second) {
            return false;
        }
        m_privileged.create_role(*role);
        return true;
    }
    if (const auto name = missing_server(error)) {
        const bool uses = statement.tag.find("FOREIGN TABLE") != std::string::npos;
        if (!uses || !made.insert("server " + *name).second) {
            return false;
        }
        create_server(connection, *name);
        return true;
    }
    return stand_in(connection, error, statement, made) || mend_text(error, statement, text);
}

// The default of a column may call a function of a schema that is not carried: as in a copy,
// another one stands for it. Its type is the column's, because the function's own is not told.
bool Mender::stand_in(pq::Connection& connection, const Error& error,
                      const model::DdlStatement& statement, std::set<std::string>& made) {
    const auto function = missing_function(error);
    const auto& schemas = m_scope.schemas;
    if (!function || std::find(schemas.begin(), schemas.end(), function->schema) != schemas.end() ||
        !made.insert("function " + function->schema + "." + function->name).second) {
        return false;
    }
    for (const model::DdlTable& table : statement.tables) {
        for (const model::DdlColumn& column : table.columns) {
            if (!calls(column.expression, *function)) {
                continue;
            }
            m_privileged.create_outside_schema(function->schema);
            hear_of_others(connection);
            environment::create_stand_in(connection, {function->schema,
                                                      function->name,
                                                      function->arguments,
                                                      column.type,
                                                      column.generated.empty() ? 'v' : 'i',
                                                      {}});
            m_left_out({"function",
                        model::to_string({function->schema, function->name}) + "(" +
                            function->arguments + ")",
                        "its schema is not carried; a function that raises an error "
                        "stands for it"});
            return true;
        }
    }
    return false;
}

// A part of the statement that the replica cannot have, and that changes no row, is taken out.
bool Mender::mend_text(const Error& error, const model::DdlStatement& statement,
                       std::string& text) {
    // a stand-in's schema is here, and not for the statement's role to look into
    const auto without = !unmet_need(error, statement.tag).empty()
                             ? without_foreign_key(read_text(statement, text), m_scope)
                             : std::nullopt;
    if (without) {
        m_left_out(
            {"foreign key",
             (statement.tables.empty() ? statement.tag
                                       : model::to_string(statement.tables.front().relation)) +
                 " to " + without->referenced,
             "the connector does not carry " + without->referenced});
        text = without->text;
        return true;
    }
    if (const auto tablespace = missing_tablespace(error)) {
        const SqlText sql = read_text(statement, text);
        const auto edited = without_tablespace(sql);
        const bool all_of_it = !edited && sql.find({"set", "tablespace"});
        m_notes.push_back("there is no tablespace " + *tablespace + " here");
        text = all_of_it ? std::string() : edited.value_or(text);
        return all_of_it || edited.has_value();
    }
    if (const auto parameter = unknown_parameter(error)) {
        const auto edited = without_parameter(read_text(statement, text), *parameter);
        m_notes.push_back("there is no storage parameter " + *parameter + " here");
        text = edited.value_or(text);
        return edited.has_value();
    }
    return false;
}

}  // namespace ardent::replay
