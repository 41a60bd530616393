// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/parameters.hpp"

namespace ardent::replay {

namespace {

class ParameterList {
public:
    ParameterList(const SqlText& sql, std::size_t parameter)
        : m_sql(sql), m_tokens(sql.tokens()), m_first(parameter) {}

    // One of WITH (…) or SET (…)
    bool find() {
        if (m_first > 1 && m_tokens[m_first - 1].symbol('.')) {
            m_first -= 2;
        }
        m_depth = m_tokens[m_first].depth;
        if (m_first < 2 || !(m_tokens[m_first - 1].symbol('(') || comma(m_first - 1))) {
            return false;
        }
        m_open = m_first - 1;
        while (m_open > 0 && m_tokens[m_open].depth >= m_depth) {
            --m_open;
        }
        m_last = m_first;
        while (m_last < m_tokens.size() && !comma(m_last) && !closes(m_last)) {
            ++m_last;
        }
        return m_open > 0 && m_last < m_tokens.size() &&
               (m_tokens[m_open - 1].is("with") || m_tokens[m_open - 1].is("set"));
    }

    std::string without() const {
        if (comma(m_last)) {
            return m_sql.without(m_first, m_last + 1);
        }
        if (comma(m_first - 1)) {
            return m_sql.without(m_first - 1, m_last);
        }
        return m_tokens[m_open - 1].is("with") ? m_sql.without(m_open - 1, m_last + 1)
                                               : without_subcommand();
    }

private:
    bool comma(std::size_t place) const {
        return m_tokens[place].symbol(',') && m_tokens[place].depth == m_depth;
    }
    bool closes(std::size_t place) const {
        return m_tokens[place].symbol(')') && m_tokens[place].depth == m_depth - 1;
    }

    // SET (…), ALTER COLUMN c SET (…), and a comma
    std::string without_subcommand() const {
        std::size_t first = m_open - 1;
        for (const std::size_t back : {2U, 3U}) {
            const bool column = first > back && m_tokens[first - back].is("alter");
            first -= column ? back : 0;
        }
        const std::size_t last = m_last + 1;
        if (last < m_tokens.size() && m_tokens[last].symbol(',')) {
            return m_sql.without(first, last + 1);
        }
        if (m_tokens[first - 1].symbol(',')) {
            return m_sql.without(first - 1, last);
        }
        return {};
    }

    const SqlText& m_sql;
    const std::vector<Token>& m_tokens;
    std::size_t m_first;
    std::size_t m_last = 0;
    std::size_t m_open = 0;
    int m_depth = 0;
};

}  // namespace

std::optional<std::string> without_parameter(const SqlText& sql, std::string_view name) {
    for (std::size_t i = 0; i < sql.tokens().size(); ++i) {
        const Token& token = sql.tokens()[i];
        if (token.name() && token.text == name && token.depth > 0) {
            ParameterList list(sql, i);
            if (list.find()) {
                return list.without();
            }
        }
    }
    return std::nullopt;
}

}  // namespace ardent::replay
