// SPDX-License-Identifier: PostgreSQL
// Runs an authentic DDL statement in the open target transaction: under its role, search_path and
// settings, as the role that applies, which has no rights beyond the replica. Afterwards the
// relations must be what the message says they are. One thread; owned by the Applier.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/options.hpp"
#include "environment/replay/outcome.hpp"
#include "environment/replay/plan.hpp"
#include "environment/replay/runner.hpp"
#include "environment/replay/sql_text.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ardent::replay {

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
    bool run_text(pq::Connection& connection, const model::DdlStatement& statement,
                  const Plan& plan, const SqlText& sql);
    bool run_grant(pq::Connection& connection, const model::DdlStatement& statement,
                   const SqlText& sql);
    bool go_without(pq::Connection& connection, const model::DdlStatement& statement,
                    Outcome& outcome);
    bool tables_are_equal(pq::Connection& connection, const model::DdlStatement& statement);
    void name_left_out(const model::DdlStatement& statement, const std::string& because);
    void note_followed(const model::DdlStatement& statement);
    std::string take_notes();
    std::optional<model::DdlStatement> under_settings_of_here(pq::Connection& connection,
                                                              const model::DdlStatement& statement);
    std::vector<model::RelationName> carried_tables(pq::Connection& connection,
                                                    const model::DdlStatement& statement) const;
    void make_relations(pq::Connection& connection, const model::DdlStatement& statement,
                        const Plan& plan);
    void derive(pq::Connection& connection, const model::DdlStatement& statement, Outcome& outcome,
                const std::string& why);
    void server(pq::Connection& connection, const model::DdlStatement& statement);
    void drop_owned(pq::Connection& connection, const model::DdlStatement& statement,
                    const std::string& text, const SqlText& sql);
    void rename_schema(pq::Connection& connection, const model::DdlStatement& statement,
                       const Plan& plan, Outcome& outcome);
    void run_statement(pq::Connection& connection, const model::DdlStatement& statement,
                       const Plan& plan, Outcome& outcome);
    void empty_unlogged(pq::Connection& connection, const model::DdlStatement& statement);
    void switch_off(pq::Connection& connection, const model::DdlStatement& statement);

    ReplayerOptions m_options;
    Runner m_runner;
    std::map<std::string, bool> m_settable;  // settings that were tried here
    std::vector<std::string> m_notes;        // of the statement that is replayed
};

}  // namespace ardent::replay
