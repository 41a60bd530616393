// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/hook_failure.hpp"

#include "common/base/text.hpp"
#include "common/ddl/sql_tokens.hpp"
#include "common/pq/connection.hpp"

#include <algorithm>
#include <vector>

namespace ardent::environment {

namespace {

constexpr std::string_view k_taken_out = "…";
constexpr std::string_view k_syntax_error = "42601";
// A shorter one may be a part of any word: it is taken out where it stands alone in quotes.
constexpr std::size_t k_least = 4;

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
}

/// What stands between the quotes, of '…', E'…' and the other kinds, and of $tag$…$tag$.
std::string_view inside(std::string_view literal) {
    const std::size_t open = literal.find_first_of("'$");
    if (open == std::string_view::npos) {
        return {};
    }
    const std::size_t mark =
        literal[open] == '$' ? literal.find('$', open + 1) + 1 - open : std::size_t{1};
    literal.remove_prefix(open);
    const std::string_view close = literal.substr(0, mark);
    std::string_view text = literal.substr(mark);
    if (text.ends_with(close)) {
        text.remove_suffix(mark);
    }
    return text;
}

void add_literals(std::string_view text, bool standard_strings, std::vector<std::string>& found) {
    ddl::SqlScanner scanner(text, standard_strings);
    while (const std::optional<ddl::Token> token = scanner.next()) {
        if (token->kind != ddl::TokenKind::string) {
            continue;
        }
        const std::string_view raw = inside(token->text);
        std::string value(raw);
        replace_all(value, "''", "'");
        found.push_back(base::one_line(raw));
        found.push_back(base::one_line(value));
        replace_all(value, "\\'", "'");
        replace_all(value, "\\\\", "\\");
        found.push_back(base::one_line(value));
        if (token->text.starts_with('$')) {
            add_literals(raw, standard_strings, found);
        }
    }
}

}  // namespace

std::string to_string(const HookPlace& place) {
    return "hook " + place.hook + ", statement " + std::to_string(place.statement) + " (line " +
           std::to_string(place.line) + ")";
}

std::string without_literals(std::string said, std::string_view statement, bool standard_strings) {
    std::vector<std::string> literals;
    add_literals(statement, standard_strings, literals);
    // one that holds another one first
    std::sort(literals.begin(), literals.end(), [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() > b.size() : a < b;
    });
    literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
    for (const std::string& literal : literals) {
        if (literal.size() >= k_least) {
            replace_all(said, literal, k_taken_out);
        } else if (!literal.empty()) {
            replace_all(said, "\"" + literal + "\"", "\"" + std::string(k_taken_out) + "\"");
        }
    }
    return said;
}

std::string failure_text(const base::Error& error, std::string_view statement,
                         bool standard_strings) {
    const auto* const told = dynamic_cast<const pq::QueryError*>(&error);
    const std::string& sqlstate = error.sqlstate();
    if (told != nullptr && sqlstate == k_syntax_error) {
        // `syntax error at or near "…"` has a piece of the text, a literal's or a number's as well
        const std::string& message = told->told().message;
        const std::size_t end = std::min(message.find(" at or near"), message.find('"'));
        return message.substr(0, end) + " (SQLSTATE " + sqlstate + ")";
    }
    std::string text = without_literals(error.what(), statement, standard_strings);
    if (!sqlstate.empty() && text.find("SQLSTATE") == std::string::npos) {
        text += " (SQLSTATE " + sqlstate + ")";
    }
    return text;
}

}  // namespace ardent::environment
