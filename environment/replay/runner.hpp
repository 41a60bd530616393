// SPDX-License-Identifier: PostgreSQL
// Runs one text in the target transaction: under the statement's role, search_path and settings,
// with what it lacks lent or made, and after a refusal once more when something could be done about
// it. One thread; owned by the Replayer.
#pragma once

#include "common/model/ddl.hpp"
#include "common/pq/connection.hpp"
#include "environment/replay/lending.hpp"
#include "environment/replay/mender.hpp"
#include "environment/replay/options.hpp"
#include "environment/replay/privileged.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ardent::replay {

class Runner {
public:
    /// `options` must outlive it.
    explicit Runner(const ReplayerOptions& options);

    /// Another statement. `stale`: tables whose rows count for nothing; rows that stand in a text's
    /// way are taken out.
    void begin(std::vector<model::RelationName> stale);
    /// False when it was left out, because what it names is not here and need not be (`may_miss`).
    /// Without a role: as the one that applies. Throws base::Error: replica when the text is
    /// refused (see `unmet`), otherwise as Connection::exec.
    bool run(pq::Connection& connection, const model::DdlStatement& statement, std::string text,
             const std::optional<std::string>& role, bool may_miss = false);
    /// A text that is formed from a message's definitions: they name everything else with its
    /// schema.
    bool run_definition(pq::Connection& connection, const model::DdlStatement& statement,
                        const std::string& text);
    /// What the last text was refused for, in the server's words, when the replica cannot have it;
    /// else empty.
    const std::string& unmet() const noexcept { return m_unmet; }
    /// What was done another way, for this statement.
    std::vector<std::string> take_notes() { return m_mender.take_notes(); }

    bool was_superuser(const std::string& role) const;
    void ensure_role(pq::Connection& connection, const std::string& role);
    void create_server(pq::Connection& connection, const std::string& name);
    void warn_of_owner(const model::DdlStatement& statement, const std::string& owner);
    Privileged& privileged() noexcept { return m_privileged; }

private:
    void attempt(pq::Connection& connection, const model::DdlStatement& statement,
                 const std::string& text, const std::optional<std::string>& role, Lent lend);
    bool empty_stale(pq::Connection& connection, const base::Error& error,
                     const model::DdlStatement& statement);

    const ReplayerOptions& m_options;
    Privileged m_privileged;
    Mender m_mender;
    std::set<std::string> m_roles;             // known to be there
    std::map<std::string, Lent> m_borrowers;   // what roles could not do without
    std::vector<model::RelationName> m_stale;  // as long as they may have rows
    std::string m_unmet;
};

}  // namespace ardent::replay
