// SPDX-License-Identifier: PostgreSQL
// Runs an authentic DDL statement in the open target transaction: under its role, search_path and
// settings, as the role that applies, which has no rights beyond the replica. Afterwards the
// relations must be what the message says they are. One thread; owned by the Applier.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/outcome.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/privileged.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replica/extensions.hpp"
#include "environment/state/records.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ardent::replay {

struct ReplayerOptions {
    Scope scope;
    std::string encoding = "UTF8";
    std::vector<std::string> superusers;  // of the source
    pq::ConnectOptions admin;
    /// As it is now; asked at each statement about an extension.
    std::function<environment::ExtensionPolicy()> extensions;
    /// What the operator should know about the replica from now on; called before the commit, and
    /// again when it is tried again.
    std::function<void(const std::string&)> warn;
    /// Triggers and rules that would fire in the replica were switched off; called before the
    /// commit.
    std::function<void(const std::vector<environment::DisabledTrigger>&)> disabled;
};

class Replayer {
public:
    explicit Replayer(ReplayerOptions options);

    /// The connection is in the target transaction. `stale`: tables whose rows count for nothing,
    /// because they are to be copied again; rows that stand in a statement's way are taken out.
    /// `overtaken`: as require_equal takes it. Throws base::Error: replica when somebody has to see
    /// to it, otherwise as Connection::exec; the transaction cannot be committed then.
    Outcome replay(pq::Connection& connection, const model::DdlStatement& statement,
                   const std::vector<model::RelationName>& stale, bool overtaken);

private:
    bool run(pq::Connection& connection, const model::DdlStatement& statement, std::string text,
             const std::optional<std::string>& role, bool may_miss = false);
    bool run_definition(pq::Connection& connection, const model::DdlStatement& statement,
                        const std::string& text);
    bool run_text(pq::Connection& connection, const model::DdlStatement& statement,
                  const Plan& plan, const SqlText& sql);
    void attempt(pq::Connection& connection, const model::DdlStatement& statement,
                 const std::string& text, const std::optional<std::string>& role, bool lend);
    bool mend(const base::Error& error, const model::DdlStatement& statement, std::string& text,
              std::set<std::string>& made);
    std::string take_notes();
    std::optional<model::DdlStatement> under_settings_of_here(pq::Connection& connection,
                                                              const model::DdlStatement& statement);
    void warn_of_owner(const model::DdlStatement& statement, const std::string& owner);
    std::vector<model::RelationName> carried_tables(pq::Connection& connection,
                                                    const model::DdlStatement& statement) const;
    void ensure_role(pq::Connection& connection, const std::string& role);
    void make_relations(pq::Connection& connection, const model::DdlStatement& statement,
                        const Plan& plan);
    void derive(pq::Connection& connection, const model::DdlStatement& statement, Outcome& outcome,
                const std::string& why);
    void server(pq::Connection& connection, const model::DdlStatement& statement);
    void run_statement(pq::Connection& connection, const model::DdlStatement& statement,
                       const Plan& plan, Outcome& outcome);
    bool empty_stale(pq::Connection& connection, const base::Error& error,
                     const model::DdlStatement& statement);
    void empty_unlogged(pq::Connection& connection, const model::DdlStatement& statement);
    void switch_off(pq::Connection& connection, const model::DdlStatement& statement);
    bool was_superuser(const std::string& role) const;

    ReplayerOptions m_options;
    Privileged m_privileged;
    std::set<std::string> m_roles;             // known to be there
    std::map<std::string, bool> m_settable;    // settings that were tried here
    std::set<std::string> m_borrowers;         // roles that could not do without
    std::vector<std::string> m_notes;          // of the statement that is replayed
    std::vector<model::RelationName> m_stale;  // likewise, as long as they may have rows
};

}  // namespace ardent::replay
