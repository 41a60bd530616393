// SPDX-License-Identifier: PostgreSQL
// What a refused statement lacked is made, or taken out of its text where it changes no row: roles,
// servers that call nobody, stand-ins for functions of schemas that are not carried; tablespaces,
// storage parameters, foreign keys to what is not carried. One thread.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/privileged.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace ardent::replay {

class Mender {
public:
    using NameLeftOut = std::function<void(const protocol::LeftOut&)>;

    /// The first two must outlive it.
    Mender(const Scope& scope, Privileged& privileged, NameLeftOut left_out)
        : m_scope(scope), m_privileged(privileged), m_left_out(std::move(left_out)) {}

    /// True when the statement is worth another try, whose text may be another one; empty: it did
    /// nothing else. `made` is of this statement: nothing is made twice. In the target transaction,
    /// which is as before the statement.
    bool mend(pq::Connection& connection, const base::Error& error,
              const model::DdlStatement& statement, std::string& text, std::set<std::string>& made);
    /// One that calls nobody, when there is none of that name.
    void create_server(pq::Connection& connection, const std::string& name);
    /// What was taken out since the last call.
    std::vector<std::string> take_notes();

private:
    bool mend_text(const base::Error& error, const model::DdlStatement& statement,
                   std::string& text);
    bool stand_in(pq::Connection& connection, const base::Error& error,
                  const model::DdlStatement& statement, std::set<std::string>& made);

    const Scope& m_scope;
    Privileged& m_privileged;
    NameLeftOut m_left_out;
    std::vector<std::string> m_notes;
};

}  // namespace ardent::replay
