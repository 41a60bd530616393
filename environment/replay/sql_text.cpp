// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/sql_text.hpp"

#include "common/base/text.hpp"
#include "common/pq/connection.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ardent::replay {

namespace {

std::vector<Token> scan(std::string_view text, bool standard_strings) {
    ddl::SqlScanner scanner(text, standard_strings);
    std::vector<Token> tokens;
    while (auto token = scanner.next()) {
        tokens.push_back(*std::move(token));
    }
    return tokens;
}

// The places of TABLESPACE name, with what belongs to it before.
std::optional<std::pair<std::size_t, std::size_t>> find_tablespace(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (!tokens[i].is("tablespace") || !tokens[i + 1].name()) {
            continue;
        }
        const auto before = [&](std::size_t back, std::string_view word) {
            return i >= back && tokens[i - back].is(word);
        };
        if (before(1, "index") && before(2, "using")) {
            return std::pair(i - 2, i + 2);
        }
        if (before(1, "set")) {
            return std::pair(i - 1, i + 2);
        }
        if (tokens[i].depth == 0) {
            return std::pair(i, i + 2);
        }
    }
    return std::nullopt;
}

// RENAME COLUMN owner TO x
bool renames(const SqlText& sql, std::size_t owner) {
    constexpr std::array<std::string_view, 4> k_before = {"rename", "column", "constraint",
                                                          "attribute"};
    return owner > 0 && std::any_of(k_before.begin(), k_before.end(), [&](std::string_view word) {
               return sql.tokens()[owner - 1].is(word);
           });
}

}  // namespace

SqlText::SqlText(std::string text, bool standard_strings)
    : m_text(std::move(text)), m_tokens(scan(m_text, standard_strings)) {}

std::optional<std::size_t> SqlText::find(std::initializer_list<std::string_view> words) const {
    for (std::size_t i = 0; i + words.size() <= m_tokens.size(); ++i) {
        std::size_t place = i;
        const bool all = std::all_of(words.begin(), words.end(), [&](std::string_view word) {
            const Token& token = m_tokens[place++];
            return token.is(word) && token.depth == 0;
        });
        if (all) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<std::string> SqlText::name_after(
    std::initializer_list<std::string_view> words) const {
    const auto found = find(words);
    const std::size_t place = found.value_or(0) + words.size();
    if (!found || place >= m_tokens.size() || !m_tokens[place].name()) {
        return std::nullopt;
    }
    return m_tokens[place].text;
}

std::string SqlText::without(std::size_t first, std::size_t last) const {
    const std::size_t end = last < m_tokens.size() ? m_tokens[last].begin : m_text.size();
    return m_text.substr(0, m_tokens[first].begin) + m_text.substr(end);
}

std::vector<std::string> SqlText::called() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i + 1 < m_tokens.size(); ++i) {
        if (m_tokens[i].name() && m_tokens[i + 1].symbol('(')) {
            names.push_back(m_tokens[i].text);
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

SqlText read_text(const model::DdlStatement& statement, const std::string& text) {
    const auto found = statement.settings.find("standard_conforming_strings");
    return {text, found == statement.settings.end() || found->second != "off"};
}

std::string shown(const std::string& statement) {
    return base::clip_utf8(statement, 1000);
}

bool finalizes(const SqlText& sql) {
    // a table or a column may have the word for its name
    const auto place = sql.find({"detach", "partition"});
    return place && sql.tokens().back().is("finalize") && sql.tokens().size() > *place + 3;
}

std::string in_one_step(const SqlText& sql) {
    if (finalizes(sql)) {
        return sql.without(sql.tokens().size() - 1, sql.tokens().size());
    }
    const auto place = sql.find({"concurrently"});
    return place ? sql.without(*place, *place + 1) : sql.text();
}

std::optional<std::string> without_tablespace(const SqlText& sql) {
    const auto found = find_tablespace(sql);
    if (!found) {
        return std::nullopt;
    }
    auto [first, last] = *found;
    const std::vector<Token>& tokens = sql.tokens();
    if (tokens[first].is("set")) {  // a sub-command of ALTER, and its comma
        if (last < tokens.size() && tokens[last].symbol(',')) {
            ++last;
        } else if (tokens[first - 1].symbol(',')) {
            --first;
        } else {
            return std::nullopt;
        }
    }
    return sql.without(first, last);
}

std::string storage_clause(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size() && !(tokens[i].depth == 0 && tokens[i].is("as"));
         ++i) {
        if (tokens[i].depth != 0 || !tokens[i].is("with") || !tokens[i + 1].symbol('(')) {
            continue;
        }
        for (std::size_t end = i + 2; end < tokens.size(); ++end) {
            if (tokens[end].depth == 0 && tokens[end].symbol(')')) {
                return sql.text().substr(tokens[i].begin, tokens[end].end - tokens[i].begin);
            }
        }
    }
    return {};
}

std::optional<Token> new_owner(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    std::optional<std::size_t> place;
    if (begins_with(sql, "REASSIGN OWNED")) {
        place = sql.find({"to"});
    } else if (begins_with(sql, "CREATE SCHEMA")) {
        place = sql.find({"authorization"});
    } else if (const auto owner = sql.find({"owner", "to"});
               owner && begins_with(sql, "ALTER") && !renames(sql, *owner)) {
        place = *owner + 1;
    }
    if (!place || *place + 1 >= tokens.size()) {
        return std::nullopt;
    }
    const Token& name = tokens[*place + 1];
    const bool somebody = name.kind == TokenKind::quoted ||
                          (name.kind == TokenKind::word && !name.is("current_user") &&
                           !name.is("current_role") && !name.is("session_user"));
    return somebody ? std::optional(name) : std::nullopt;
}

std::vector<std::string> roles_acted_for(const SqlText& sql) {
    std::optional<std::size_t> place;
    if (begins_with(sql, "ALTER DEFAULT PRIVILEGES")) {
        place = sql.find({"for", "role"});
        place = place ? place : sql.find({"for", "user"});
    } else if (begins_with(sql, "DROP OWNED BY") || begins_with(sql, "REASSIGN OWNED BY")) {
        place = sql.find({"owned", "by"});
    }
    std::vector<std::string> roles;
    const std::vector<Token>& tokens = sql.tokens();
    for (std::size_t i = place.value_or(tokens.size()) + 2; i < tokens.size(); i += 2) {
        if (!tokens[i].name()) {
            break;
        }
        roles.push_back(tokens[i].text);
        if (i + 1 >= tokens.size() || !tokens[i + 1].symbol(',')) {
            break;
        }
    }
    return roles;
}

// CREATE SCHEMA AUTHORIZATION x makes a schema x.
std::string with_owner(const SqlText& sql, const Token& owner, const std::string& role) {
    const std::string& text = sql.text();
    const auto word = sql.find({"authorization"});
    const bool names_schema =
        begins_with(sql, "CREATE SCHEMA") && word && *word > 0 &&
        (sql.tokens()[*word - 1].is("schema") || sql.tokens()[*word - 1].is("exists"));
    std::string begin = text.substr(0, owner.begin);
    if (names_schema) {
        begin.insert(sql.tokens()[*word].begin, pq::quote_identifier(owner.text) + " ");
    }
    return begin + pq::quote_identifier(role) + text.substr(owner.end);
}

bool begins_with(const SqlText& sql, std::string_view tag) {
    const std::vector<std::string> words = base::split(tag, ' ');
    const std::vector<Token>& tokens = sql.tokens();
    return tokens.size() >= words.size() &&
           std::equal(words.begin(), words.end(), tokens.begin(),
                      [](const std::string& word, const Token& token) {
                          return token.is(ddl::lower(word));
                      });
}

std::optional<ExtensionWords> read_extension(const SqlText& sql) {
    const std::vector<Token>& tokens = sql.tokens();
    if (tokens.size() < 3 || !tokens[1].is("extension")) {
        return std::nullopt;
    }
    std::size_t place = 2;
    while (place < tokens.size() &&
           (tokens[place].is("if") || tokens[place].is("not") || tokens[place].is("exists"))) {
        ++place;
    }
    if (place >= tokens.size() || !tokens[place].name()) {
        return std::nullopt;
    }
    ExtensionWords words;
    words.name = tokens[place].text;
    for (std::size_t i = place + 1; i + 1 < tokens.size(); ++i) {
        const Token& next = tokens[i + 1];
        std::string value = next.kind == TokenKind::string && next.text.size() >= 2
                                ? next.text.substr(1, next.text.size() - 2)
                                : next.text;
        if (tokens[i].is("schema")) {
            words.schema = std::move(value);
        } else if (tokens[i].is("version") || tokens[i].is("to")) {
            words.version = std::move(value);
        }
    }
    return words;
}

}  // namespace ardent::replay
