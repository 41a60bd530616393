// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/foreign_keys.hpp"

#include "common/pq/connection.hpp"

namespace ardent::replay {

namespace {

/// The clause around a word REFERENCES (gram.y: ColConstraint, TableConstraint).
class Clause {
public:
    Clause(const SqlText& sql, std::size_t references)
        : m_sql(sql), m_tokens(sql.tokens()), m_references(references) {}

    std::optional<model::RelationName> referenced() const {
        if (is_name(m_references + 1) && is_symbol(m_references + 2, '.') &&
            is_name(m_references + 3)) {
            return model::RelationName{m_tokens[m_references + 1].text,
                                       m_tokens[m_references + 3].text};
        }
        return std::nullopt;
    }

    std::string without() const {
        std::size_t first = first_token();
        std::size_t last = behind();
        if (!foreign_key()) {
            return m_sql.without(first, last);  // of a column, which stays
        }
        first -= first > 0 && is(first - 1, "add") ? 1 : 0;
        const bool follows = is_symbol(last, ',');
        const bool precedes = first > 0 && is_symbol(first - 1, ',');
        if (follows) {
            ++last;
        } else if (precedes) {
            --first;
        } else if (is(first, "add")) {
            return {};
        }
        return m_sql.without(first, last);
    }

private:
    bool is(std::size_t place, std::string_view word) const {
        return place < m_tokens.size() && m_tokens[place].is(word);
    }
    bool is_symbol(std::size_t place, char c) const {
        return place < m_tokens.size() && m_tokens[place].symbol(c);
    }
    bool is_name(std::size_t place) const {
        return place < m_tokens.size() && m_tokens[place].name();
    }

    // FOREIGN KEY (…) stands before it in a table's constraint.
    std::optional<std::size_t> foreign_key() const {
        if (m_references == 0 || !is_symbol(m_references - 1, ')')) {
            return std::nullopt;
        }
        const int depth = m_tokens[m_references - 1].depth;
        std::size_t open = m_references - 1;
        while (open > 0 && !(m_tokens[open].symbol('(') && m_tokens[open].depth == depth)) {
            --open;
        }
        return open > 1 && is(open - 1, "key") && is(open - 2, "foreign") ? std::optional(open - 2)
                                                                          : std::nullopt;
    }

    std::size_t first_token() const {
        const std::size_t first = foreign_key().value_or(m_references);
        return first > 1 && is(first - 2, "constraint") ? first - 2 : first;
    }

    std::size_t behind_list(std::size_t place) const {
        if (!is_symbol(place, '(')) {
            return place;
        }
        const int depth = m_tokens[place].depth;
        while (place < m_tokens.size() &&
               !(m_tokens[place].symbol(')') && m_tokens[place].depth == depth)) {
            ++place;
        }
        return place + 1;
    }

    // ON DELETE SET NULL (a): behind the action.
    std::size_t behind_action(std::size_t place) const {
        if (is(place, "no") || is(place, "set")) {
            return behind_list(place + 2);
        }
        return place + 1;
    }

    std::size_t behind() const {
        std::size_t place = behind_list(m_references + 4);
        while (place < m_tokens.size()) {
            const bool negates =
                is(place, "not") && (is(place + 1, "deferrable") || is(place + 1, "valid") ||
                                     is(place + 1, "enforced"));
            if (is(place, "on")) {
                place = behind_action(place + 2);
            } else if (is(place, "match") || is(place, "initially") || negates) {
                place += 2;
            } else if (is(place, "deferrable") || is(place, "enforced")) {
                ++place;
            } else {
                break;
            }
        }
        return place;
    }

    const SqlText& m_sql;
    const std::vector<Token>& m_tokens;
    std::size_t m_references;
};

}  // namespace

std::optional<WithoutForeignKey> without_foreign_key(const SqlText& sql, const Scope& scope) {
    if (!sql.find({"table"})) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < sql.tokens().size(); ++i) {
        if (!sql.tokens()[i].is("references")) {
            continue;
        }
        const Clause clause(sql, i);
        const auto table = clause.referenced();
        if (table && !carries(scope, *table)) {
            return WithoutForeignKey{clause.without(), model::to_string(*table)};
        }
    }
    return std::nullopt;
}

}  // namespace ardent::replay
