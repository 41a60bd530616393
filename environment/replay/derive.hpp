// SPDX-License-Identifier: PostgreSQL
// A statement whose text could not be captured, made from what the message says is there after it:
// the definitions of the tables, the identities of what was created and dropped. What these do not
// tell (checks, foreign keys, what is in a function) cannot be made; a statement of which nothing
// can be made, or something is missing afterwards, stops. One thread.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/plan.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::replay {

/// What makes `replica`, from which what the statement dropped is gone already, into `source`:
/// columns (known again by name, or else by place), keys, replica identity, persistence, parents,
/// owner. Pure. Throws base::Error (replica) when the difference could come of several statements.
std::vector<std::string> alter_statements(const model::DdlStatement& statement,
                                          const model::DdlTable& source,
                                          const model::DdlTable& replica);

class Derivation {
public:
    /// Runs one statement under the role of the message, search_path = pg_catalog.
    using Run = std::function<void(const std::string& text)>;

    Derivation(pq::Connection& connection, const Scope& scope, std::string encoding, Run run)
        : m_connection(connection),
          m_scope(scope),
          m_encoding(std::move(encoding)),
          m_run(std::move(run)) {}

    /// In the target transaction. Throws base::Error: replica when the message does not tell
    /// enough.
    void replay(const model::DdlStatement& statement);

private:
    void create(const model::DdlStatement& statement);
    void create_table(const model::DdlStatement& statement, const model::DdlTable& table);
    void own_sequences(const model::DdlStatement& statement);
    void drop_parts(const model::DdlStatement& statement);
    void alter(const model::DdlStatement& statement);
    void require_no_new_values(const model::DdlStatement& statement, const model::DdlTable& table,
                               const model::DdlTable& here);
    void require_made(const model::DdlStatement& statement);
    void run(const std::string& text);
    bool exists(const std::string& sql, std::initializer_list<pq::Value> parameters);

    pq::Connection& m_connection;
    const Scope& m_scope;
    std::string m_encoding;
    Run m_run;
    bool m_ran = false;
};

}  // namespace ardent::replay
