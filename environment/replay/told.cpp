// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/told.hpp"

#include "common/pq/connection.hpp"
#include "environment/replay/sql_text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace ardent::replay {

namespace {

std::string replaced(const SqlText& sql, std::size_t begin, std::size_t end,
                     const std::string& with) {
    return sql.text().substr(0, begin) + with + sql.text().substr(end);
}

// The last part of a name that begins at a token.
std::optional<std::string> last_name(const SqlText& sql, std::size_t place) {
    const std::vector<Token>& tokens = sql.tokens();
    while (place + 2 < tokens.size() && tokens[place].name() && tokens[place + 1].symbol('.')) {
        place += 2;
    }
    return place < tokens.size() && tokens[place].name() ? std::optional(tokens[place].text)
                                                         : std::nullopt;
}

// Of CREATE TABLE name PARTITION OF …, or of ALTER TABLE … ATTACH PARTITION name ….
std::optional<std::string> partition_named(const SqlText& sql) {
    if (const auto attach = sql.find({"attach", "partition"})) {
        return last_name(sql, *attach + 2);
    }
    if (!sql.find({"partition", "of"})) {
        return std::nullopt;
    }
    const auto table = sql.find({"table"});
    std::size_t place = table.value_or(0) + 1;
    if (place + 2 < sql.tokens().size() && sql.tokens()[place].is("if")) {
        place += 3;  // IF NOT EXISTS
    }
    return table ? last_name(sql, place) : std::nullopt;
}

// The end of FOR VALUES …, which begins at that token: behind its last list in parentheses.
std::optional<std::size_t> end_of_bound(const SqlText& sql, std::size_t place) {
    const std::vector<Token>& tokens = sql.tokens();
    const bool range = place + 2 < tokens.size() && tokens[place + 2].is("from");
    int lists = range ? 2 : 1;
    for (std::size_t i = place + 2; i < tokens.size(); ++i) {
        if (tokens[i].depth == 0 && tokens[i].symbol(')') && --lists == 0) {
            return tokens[i].end;
        }
    }
    return std::nullopt;
}

std::string with_bound(const model::DdlStatement& statement, const SqlText& sql) {
    const auto place = sql.find({"for", "values"});
    const auto name = place ? partition_named(sql) : std::nullopt;
    const auto end = name ? end_of_bound(sql, *place) : std::nullopt;
    if (!end) {
        return sql.text();
    }
    const auto table = std::find_if(
        statement.tables.begin(), statement.tables.end(), [&](const model::DdlTable& one) {
            return one.relation.name == *name && one.partition_of && !one.partition_bound.empty();
        });
    return table == statement.tables.end()
               ? sql.text()
               : replaced(sql, sql.tokens()[*place].begin, *end, table->partition_bound);
}

std::string with_index_name(const model::DdlStatement& statement, const SqlText& sql) {
    const auto word = sql.find({"index"});
    const auto on = sql.find({"on"});
    const bool nameless = begins_with(sql, "CREATE") && word && on && *on == *word + 1;
    if (!nameless || statement.objects.empty() || statement.objects[0].type != "index") {
        return sql.text();
    }
    const auto name = model::parse_relation(statement.objects[0].identity);
    const std::size_t place = sql.tokens()[*on].begin;
    return name ? replaced(sql, place, place, pq::quote_identifier(name->name) + " ") : sql.text();
}

// Where a role can stand in these statements; in a list of them only where nothing else can.
bool names_a_role(const model::DdlStatement& statement, const std::vector<Token>& tokens,
                  std::size_t place) {
    const std::string& tag = statement.tag;
    const bool rights = tag == "GRANT" || tag == "REVOKE" || tag == "ALTER DEFAULT PRIVILEGES" ||
                        tag == "CREATE POLICY" || tag == "ALTER POLICY" || tag == "DROP OWNED" ||
                        tag == "REASSIGN OWNED";
    if ((!rights && tag != "CREATE SCHEMA" && !tag.starts_with("ALTER ")) || place == 0 ||
        tokens[place].depth != 0) {
        return false;
    }
    const Token& before = tokens[place - 1];
    return before.is("to") || before.is("authorization") || before.is("by") || before.is("role") ||
           before.is("user") || (rights && before.is("from")) || (rights && before.symbol(','));
}

std::string with_roles(const model::DdlStatement& statement, const SqlText& sql) {
    std::string text = sql.text();
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = tokens.size(); i-- > 0;) {
        const bool session = tokens[i].is("session_user");
        if ((session || tokens[i].is("current_user") || tokens[i].is("current_role")) &&
            names_a_role(statement, tokens, i)) {
            text.replace(tokens[i].begin, tokens[i].end - tokens[i].begin,
                         pq::quote_identifier(session ? statement.session_role : statement.role));
        }
    }
    return text;
}

}  // namespace

std::string with_what_is_told(const model::DdlStatement& statement, const std::string& text) {
    const std::string named = with_index_name(statement, read_text(statement, text));
    const std::string bound = with_bound(statement, read_text(statement, named));
    return with_roles(statement, read_text(statement, bound));
}

bool copies_a_definition(const model::DdlStatement& statement) {
    const SqlText sql = read_text(statement, statement.text.value_or(""));
    const std::vector<Token>& tokens = sql.tokens();
    return statement.tag == "CREATE TABLE" &&
           std::any_of(tokens.begin(), tokens.end(),
                       [](const Token& token) { return token.is("like") && token.depth == 1; });
}

}  // namespace ardent::replay
