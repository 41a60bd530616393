// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/after_data.hpp"

#include "common/ddl/sql_tokens.hpp"

#include <algorithm>

namespace ardent::environment {

namespace {

using ddl::Token;

/// \restrict has a key that is new in each script, so that no line of a literal equals one of
/// these.
std::string without_commands(std::string_view script) {
    constexpr std::string_view k_restrict = "\\restrict ";
    std::string key;
    std::string result;
    while (!script.empty()) {
        const std::size_t end = std::min(script.find('\n'), script.size());
        const std::string_view line = script.substr(0, end);
        if (key.empty() && line.starts_with(k_restrict)) {
            key = line.substr(k_restrict.size());
        } else if (key.empty() || line != "\\unrestrict " + key) {
            result += line;
        }
        result += '\n';
        script.remove_prefix(std::min(script.size(), end + 1));
    }
    return result;
}

/// Reads a statement's tokens from its first one on.
class Reader {
public:
    explicit Reader(const std::vector<Token>& tokens) : m_tokens(tokens) {}

    bool take(std::string_view word) {
        const bool found = m_at < m_tokens.size() && m_tokens[m_at].is(word);
        m_at += found ? 1 : 0;
        return found;
    }

    bool take_name(std::string& name) {
        const bool found = m_at < m_tokens.size() && m_tokens[m_at].name();
        if (found) {
            name = m_tokens[m_at++].text;
        }
        return found;
    }

    bool take_relation(model::RelationName& relation) {
        if (!take_name(relation.schema) || m_at >= m_tokens.size() || !m_tokens[m_at].symbol('.')) {
            return false;
        }
        ++m_at;
        return take_name(relation.name);
    }

    std::size_t here() const { return m_at < m_tokens.size() ? m_tokens[m_at].begin : 0; }

private:
    const std::vector<Token>& m_tokens;
    std::size_t m_at = 0;
};

AfterDataKind kind_of_constraint(Reader& in) {
    if (in.take("foreign")) {
        return AfterDataKind::foreign_key;
    }
    return in.take("check") ? AfterDataKind::check : AfterDataKind::constraint;
}

bool ends_unchecked(const std::vector<Token>& tokens) {
    const std::size_t size = tokens.size();
    return size >= 2 && tokens[size - 2].is("not") &&
           (tokens[size - 1].is("valid") || tokens[size - 1].is("enforced"));
}

bool read_index(const std::vector<Token>& tokens, AfterDataStatement& statement) {
    Reader in(tokens);
    if (!in.take("create")) {
        return false;
    }
    in.take("unique");
    if (!in.take("index") || !in.take_name(statement.name) || !in.take("on")) {
        return false;
    }
    in.take("only");
    return in.take_relation(statement.table);
}

bool read_constraint(const std::vector<Token>& tokens, AfterDataStatement& statement) {
    Reader in(tokens);
    if (!in.take("alter")) {
        return false;
    }
    if (in.take("foreign")) {
        static_cast<void>(in.take("table"));
    } else if (!in.take("table") && !in.take("domain")) {
        return false;
    }
    in.take("only");
    if (!in.take_relation(statement.table) || !in.take("add") || !in.take("constraint") ||
        !in.take_name(statement.name)) {
        return false;
    }
    statement.definition = in.here();
    const bool not_null = in.take("not");
    statement.kind = not_null ? AfterDataKind::check : kind_of_constraint(in);
    // NOT NULL stands by itself only where rows may break it
    statement.unchecked = ends_unchecked(tokens) || not_null;
    return true;
}

AfterDataStatement read_statement(std::string sql) {
    AfterDataStatement statement;
    std::vector<Token> tokens;
    ddl::SqlScanner scanner(sql, true);
    while (auto token = scanner.next()) {
        tokens.push_back(*std::move(token));
    }
    if (read_index(tokens, statement)) {
        statement.kind = AfterDataKind::index;
    } else if (!read_constraint(tokens, statement) && !tokens.empty() &&
               (tokens.front().is("set") || tokens.front().is("select"))) {
        statement.kind = AfterDataKind::setting;
    }
    statement.sql = std::move(sql);
    return statement;
}

}  // namespace

std::vector<AfterDataStatement> read_after_data(std::string_view script) {
    const std::string text = without_commands(script);
    std::vector<AfterDataStatement> statements;
    ddl::SqlScanner scanner(text, true);
    std::size_t begin = scanner.skip_blank();
    while (const auto token = scanner.next()) {
        if (token->symbol(';') && token->depth == 0) {
            if (token->begin > begin) {
                statements.push_back(read_statement(text.substr(begin, token->begin - begin)));
            }
            begin = scanner.skip_blank();
        }
    }
    return statements;
}

}  // namespace ardent::environment
