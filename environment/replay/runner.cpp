// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/runner.hpp"

#include "environment/instance/superuser.hpp"
#include "environment/replay/missing.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replay/statement_settings.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace ardent::replay {

namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned k_most_attempts = 40;  // a statement may name many roles
constexpr const char* k_no_privilege = "42501";
constexpr const char* k_no_relation = "42P01";
constexpr const char* k_no_object = "42704";
constexpr std::string_view k_not_granted = "01007";
constexpr std::string_view k_not_revoked = "01006";

constexpr const char* k_has_role = R"sql(
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1)
)sql";

bool is_grant(const model::DdlStatement& statement) {
    return statement.tag == "GRANT" || statement.tag == "REVOKE";
}

Error refusal(const model::DdlStatement& statement, const std::string& text, const Error& error) {
    return {ErrorKind::replica,
            "the replica refuses a " + statement.tag + " of the source: " + error.what() +
                "; statement: " + shown(text),
            "Mend the cause in the replica, then run retry-setup: it goes on with this statement. "
            "Or leave out this one with retry-setup --skip-ddl and this LSN.",
            error.sqlstate()};
}

/// Keeps the first warning of one statement that says that a GRANT or REVOKE did nothing. No other:
/// code that a statement calls may raise any number of them.
class GrantWarning {
public:
    explicit GrantWarning(pq::Connection& connection) : m_connection(connection) {
        m_connection.on_notice([this](const pq::Notice& notice) {
            if (!m_notice &&
                (notice.sqlstate == k_not_granted || notice.sqlstate == k_not_revoked)) {
                m_notice = notice;
            }
        });
    }
    ~GrantWarning() {
        m_connection.on_notice([](const pq::Notice&) {});
    }
    GrantWarning(const GrantWarning&) = delete;
    GrantWarning& operator=(const GrantWarning&) = delete;

    const std::optional<pq::Notice>& get() const noexcept { return m_notice; }

private:
    pq::Connection& m_connection;
    std::optional<pq::Notice> m_notice;
};

}  // namespace

Runner::Runner(const ReplayerOptions& options)
    : m_options(options),
      m_privileged(options.admin),
      m_mender(options.scope, m_privileged, options.left_out) {}

void Runner::begin(std::vector<model::RelationName> stale) {
    m_stale = std::move(stale);
    m_unmet.clear();
    m_mender.take_notes();
}

void Runner::create_server(pq::Connection& connection, const std::string& name) {
    m_mender.create_server(connection, name);
}

bool Runner::was_superuser(const std::string& role) const {
    const auto& all = m_options.superusers;
    return std::find(all.begin(), all.end(), role) != all.end();
}

void Runner::warn_of_owner(const model::DdlStatement& statement, const std::string& owner) {
    m_options.warn("the owner of what a " + statement.tag + " of the source made or changed is " +
                   owner + environment::inert_owner_note());
}

bool Runner::run(pq::Connection& connection, const model::DdlStatement& statement, std::string text,
                 const std::optional<std::string>& role, bool may_miss) {
    const bool may_lend = role == statement.role;
    Lent lend = Lent::nothing;
    if (const auto known = m_borrowers.find(statement.role);
        may_lend && known != m_borrowers.end()) {
        lend = known->second;
    }
    std::set<std::string> made;
    const SqlText sql = read_text(statement, text);
    if (const auto owner = new_owner(sql); owner && environment::is_reserved_role(owner->text)) {
        text = with_owner(sql, *owner, environment::k_nobody_role);
        warn_of_owner(statement, owner->text);
    }
    for (unsigned attempts = 1;; ++attempts) {
        connection.exec("SAVEPOINT ardent_ddl");
        try {
            attempt(connection, statement, text, role, lend);
            connection.exec("RELEASE SAVEPOINT ardent_ddl");
            return true;
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient || !connection.ok()) {
                throw;
            }
            connection.exec("ROLLBACK TO SAVEPOINT ardent_ddl");
            if (may_miss &&
                (error.sqlstate() == k_no_relation || error.sqlstate() == k_no_object)) {
                connection.exec("RELEASE SAVEPOINT ardent_ddl");
                return false;
            }
            if (attempts >= k_most_attempts) {
                throw refusal(statement, text, error);
            }
            if (m_mender.mend(connection, error, statement, text, made)) {
                hear_of_others(connection);
                if (text.empty()) {
                    connection.exec("RELEASE SAVEPOINT ardent_ddl");
                    return true;
                }
                continue;
            }
            if (empty_stale(connection, error, statement)) {
                continue;
            }
            if (error.sqlstate() != k_no_privilege || lend == Lent::all || !may_lend) {
                m_unmet = unmet_need(error, statement.tag);
                throw refusal(statement, text, error);
            }
            const Lent more = lacking(error);
            lend = has(lend, more) ? Lent::all : lend | more;
            m_borrowers[statement.role] = lend;
        }
    }
}

bool Runner::run_definition(pq::Connection& connection, const model::DdlStatement& statement,
                            const std::string& text) {
    model::DdlStatement made = statement;
    made.search_path = "pg_catalog";
    return run(connection, made, text, statement.role);
}

void Runner::attempt(pq::Connection& connection, const model::DdlStatement& statement,
                     const std::string& text, const std::optional<std::string>& role, Lent lend) {
    Lending lending(connection, m_options.scope.schemas);
    if (role) {
        ensure_role(connection, *role);
    }
    if (lend != Lent::nothing) {
        lending.lend(statement.role, lend);
        for (const std::string& other : roles_acted_for(read_text(statement, text))) {
            if (!environment::is_reserved_role(other)) {
                ensure_role(connection, other);
                lending.lend_membership(statement.role, other);
            }
        }
        if (const auto owner = new_owner(read_text(statement, text))) {
            lending.lend_ownership(statement.role, owner->text);
        }
    }
    const GrantWarning warning(connection);
    connection.exec(enter_settings(connection, statement, role));
    connection.exec(text, std::span<const pq::Value>());
    environment::clean_session(connection);
    lending.take_back();
    if (warning.get() && is_grant(statement) && was_superuser(statement.role)) {
        throw Error(ErrorKind::replica, warning.get()->message, {}, warning.get()->sqlstate);
    }
}

// Roles are never dropped here.
void Runner::ensure_role(pq::Connection& connection, const std::string& role) {
    if (m_roles.count(role) > 0) {
        return;
    }
    if (connection.value(k_has_role, {role}) == "f") {
        m_privileged.create_role(role);
        hear_of_others(connection);
    }
    m_roles.insert(role);
}

// Rows that wait for a copy are those of some time before: a constraint or a new type may not take
// them, which the source's rows of now are known to fit. True when there were some to take out.
bool Runner::empty_stale(pq::Connection& connection, const Error& error,
                         const model::DdlStatement& statement) {
    const std::string_view kind = std::string_view(error.sqlstate()).substr(0, 2);
    if (m_stale.empty() || (kind != "22" && kind != "23")) {
        return false;
    }
    const auto named =
        std::partition(m_stale.begin(), m_stale.end(), [&](const model::RelationName& stale) {
            return model::table_of(statement, stale) == nullptr;
        });
    const auto first = named == m_stale.end() ? m_stale.begin() : named;
    for (auto stale = first; stale != m_stale.end(); ++stale) {
        connection.exec("DELETE FROM ONLY " + pq::quote_qualified(stale->schema, stale->name));
    }
    m_stale.erase(first, m_stale.end());
    return true;
}

}  // namespace ardent::replay
