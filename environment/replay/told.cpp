// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/told.hpp"

#include "common/pq/connection.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace ardent::replay {

namespace {

/// Bytes of the text, and what stands there instead.
struct Edit {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string with;
};

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

void tell_bound(const model::DdlStatement& statement, const SqlText& sql,
                std::vector<Edit>& edits) {
    const auto place = sql.find({"for", "values"});
    const auto name = place ? partition_named(sql) : std::nullopt;
    const auto end = name ? end_of_bound(sql, *place) : std::nullopt;
    if (!end) {
        return;
    }
    const auto table = std::find_if(
        statement.tables.begin(), statement.tables.end(), [&](const model::DdlTable& one) {
            return one.relation.name == *name && one.partition_of && !one.partition_bound.empty();
        });
    if (table != statement.tables.end()) {
        edits.push_back({sql.tokens()[*place].begin, *end, table->partition_bound});
    }
}

void tell_index_name(const model::DdlStatement& statement, const SqlText& sql,
                     std::vector<Edit>& edits) {
    const auto word = sql.find({"index"});
    const auto on = sql.find({"on"});
    const bool nameless = begins_with(sql, "CREATE") && word && on && *on == *word + 1;
    if (!nameless || statement.objects.empty() || statement.objects[0].type != "index") {
        return;
    }
    if (const auto name = model::parse_relation(statement.objects[0].identity)) {
        const std::size_t place = sql.tokens()[*on].begin;
        edits.push_back({place, place, pq::quote_identifier(name->name) + " "});
    }
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

void tell_roles(const model::DdlStatement& statement, const SqlText& sql,
                std::vector<Edit>& edits) {
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool session = tokens[i].is("session_user");
        if ((session || tokens[i].is("current_user") || tokens[i].is("current_role")) &&
            names_a_role(statement, tokens, i)) {
            edits.push_back(
                {tokens[i].begin, tokens[i].end,
                 pq::quote_identifier(session ? statement.session_role : statement.role)});
        }
    }
}

}  // namespace

std::string with_what_is_told(const model::DdlStatement& statement, const SqlText& sql) {
    std::vector<Edit> edits;
    tell_index_name(statement, sql, edits);
    tell_bound(statement, sql, edits);
    tell_roles(statement, sql, edits);
    // from behind, so that places stay what they are
    std::sort(edits.begin(), edits.end(),
              [](const Edit& a, const Edit& b) { return a.begin > b.begin; });
    std::string text = sql.text();
    for (const Edit& edit : edits) {
        text.replace(edit.begin, edit.end - edit.begin, edit.with);
    }
    return text;
}

}  // namespace ardent::replay
