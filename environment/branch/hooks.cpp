// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/hooks.hpp"

#include "common/base/error.hpp"
#include "common/ddl/script.hpp"
#include "common/pq/discard.hpp"
#include "common/process/log.hpp"
#include "environment/branch/hook_failure.hpp"
#include "environment/branch/setting_rules.hpp"
#include "environment/branch/stopwatch.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using Clock = std::chrono::steady_clock;

Error failed(const std::string& where, const std::string& why) {
    return {ErrorKind::replica, where + ": " + why};
}

class HookRun {
public:
    HookRun(const Instance& branch, const HookPlan& plan, const HookRecord& hook)
        : m_plan(plan),
          m_hook(hook),
          m_deadline(Clock::now() + plan.timeout),
          m_session(connect(branch)) {}

    void run() {
        become();
        HookPlace place{m_hook.name};
        for (std::size_t from = 0;;) {
            const bool standard = standard_strings();
            const auto statement = ddl::next_statement(m_hook.sql, from, standard);
            if (!statement) {
                break;
            }
            from = statement->next;
            ++place.statement;
            place.line = ddl::line_of(m_hook.sql, statement->begin);
            run(*statement, place, standard);
        }
        if (PQtransactionStatus(m_session.handle()) != PQTRANS_IDLE) {
            throw failed(name(),
                         "it ends inside of a transaction that it began: COMMIT is missing");
        }
    }

private:
    std::string name() const { return "hook " + m_hook.name; }

    bool go_on() const { return m_plan.go_on() && Clock::now() < m_deadline; }

    // The settings are those that a client's session would have, but for the role, which ALTER
    // DATABASE … SET role may have said, and for a limit that the server keeps by itself.
    pq::Connection connect(const Instance& branch) const {
        pq::ConnectOptions options = branch.connect_options(
            m_plan.role, m_hook.database.empty() ? m_plan.database : m_hook.database,
            ErrorKind::replica);
        const auto limit = std::min<std::int64_t>(m_plan.timeout.count(),
                                                  std::numeric_limits<std::int32_t>::max());
        options.settings = {{"role", "none"}, {"statement_timeout", std::to_string(limit)}};
        options.parameters.emplace_back("client_encoding", "UTF8");
        try {
            return pq::Connection(options);
        } catch (const Error& error) {
            throw failed(name(), error.what());
        }
    }

    // The branch's role is a member of every role of the source, so SET ROLE is all it takes, and
    // RESET ROLE gives the script nothing that whoever uses the branch has not got.
    void become() {
        const std::string& role = m_hook.run_as;
        if (role.empty()) {
            return;
        }
        if (const auto objection = role_objection(role, m_plan.superusers)) {
            throw failed(name(), "it cannot run as " + role + ": " + *objection);
        }
        const pq::Result found = m_session.exec(
            R"sql(
            SELECT rolsuper, pg_catalog.pg_has_role(oid, 'MEMBER')
              FROM pg_catalog.pg_roles
             WHERE rolname OPERATOR(pg_catalog.=) $1
            )sql",
            {role});
        if (found.rows() == 0) {
            throw failed(name(), "there is no role " + role + " in the branch to run it as");
        }
        if (found.text(0, 0) == "t" || found.text(0, 1) != "t") {
            throw failed(name(), "the branch's role may not act as role " + role);
        }
        try {
            m_session.exec("SET ROLE " + pq::quote_identifier(role));
        } catch (const Error& error) {
            throw failed(name(), error.what());
        }
    }

    bool standard_strings() const {
        const char* const value =
            PQparameterStatus(m_session.handle(), "standard_conforming_strings");
        return value == nullptr || std::string_view(value) == "on";
    }

    void run(const ddl::ScriptStatement& statement, const HookPlace& place, bool standard) {
        if (statement.backslash) {
            throw failed(name(), psql_objection(m_hook.sql, *statement.backslash));
        }
        const auto result = [&] {
            try {
                auto answer = pq::exec_discarding(m_session, std::string(statement.text),
                                                  [this] { return go_on(); });
                if (answer) {
                    m_session.check(answer->handle(), "");
                }
                return answer;
            } catch (const Error& error) {
                throw failed(to_string(place), failure_text(error, statement.text, standard));
            }
        }();
        if (!result) {
            throw failed(to_string(place),
                         m_plan.go_on()
                             ? "it did not end within " +
                                   std::to_string(m_plan.timeout.count() / 1000) +
                                   " s, which is the time of a hook (branch.hook_timeout)"
                             : "the environment was stopped meanwhile");
        }
        const ExecStatusType status = result->status();
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            throw failed(to_string(place),
                         "a COPY from or to the client has nobody at its other end: use INSERT "
                         "(pg_dump --inserts)");
        }
    }

    const HookPlan& m_plan;
    const HookRecord& m_hook;
    Clock::time_point m_deadline;
    pq::Connection m_session;
};

}  // namespace

std::vector<BranchStep> run_hooks(const Instance& branch, const std::vector<HookRecord>& hooks,
                                  const HookPlan& plan) {
    std::vector<BranchStep> steps;
    Stopwatch watch(steps);
    for (const HookRecord& hook : hooks) {
        HookRun(branch, plan, hook).run();
        watch.lap(hook.name.c_str());
        process::log_info("hook ended", {{"instance", branch.spec().name}, {"hook", hook.name}});
    }
    return steps;
}

}  // namespace ardent::environment
