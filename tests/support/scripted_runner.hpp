// SPDX-License-Identifier: PostgreSQL
// A QueryRunner that answers from a script: the first entry whose text is part of the statement
// gives the rows or the error. A statement that no entry fits is a failure of the test.
#pragma once

#include "common/base/error.hpp"
#include "common/preflight/query_runner.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ardent::tests {

class ScriptedRunner final : public preflight::QueryRunner {
public:
    struct Entry {
        std::string part;
        preflight::Rows rows;
        std::optional<base::Error> error;
    };

    ScriptedRunner& on(const std::string& part, preflight::Rows rows) {
        m_entries.insert(m_entries.begin(), {part, std::move(rows), std::nullopt});
        return *this;
    }

    ScriptedRunner& fail(const std::string& part, const base::Error& error) {
        m_entries.insert(m_entries.begin(), {part, {}, error});
        return *this;
    }

    preflight::Rows run(const std::string& sql, const preflight::Row& parameters) override {
        m_statements.push_back(sql);
        for (const Entry& entry : m_entries) {
            if (sql.find(entry.part) != std::string::npos) {
                m_parameters = parameters;
                if (entry.error) {
                    throw *entry.error;
                }
                return entry.rows;
            }
        }
        throw std::logic_error("no answer for: " + sql);
    }

    /// Of the last statement.
    const preflight::Row& parameters() const noexcept { return m_parameters; }

    /// How often a statement with this part was run.
    std::size_t count(const std::string& part) const {
        return static_cast<std::size_t>(std::count_if(
            m_statements.begin(), m_statements.end(),
            [&](const std::string& sql) { return sql.find(part) != std::string::npos; }));
    }

private:
    std::vector<std::string> m_statements;
    std::vector<Entry> m_entries;
    preflight::Row m_parameters;
};

}  // namespace ardent::tests
