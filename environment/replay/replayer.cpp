// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/replayer.hpp"

#include "common/base/text.hpp"
#include "environment/replay/comparison.hpp"
#include "environment/replay/definitions.hpp"
#include "environment/replay/derive.hpp"
#include "environment/replay/drops.hpp"
#include "environment/replay/extension_statement.hpp"
#include "environment/replay/grants.hpp"
#include "environment/replay/lending.hpp"
#include "environment/replay/missing.hpp"
#include "environment/replay/parameters.hpp"
#include "environment/replay/rewrites.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replay/statement_settings.hpp"
#include "environment/replay/system_triggers.hpp"
#include "environment/replay/told.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace ardent::replay {

namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned k_most_attempts = 40;  // a statement may name many roles
constexpr const char* k_no_privilege = "42501";
constexpr const char* k_no_relation = "42P01";
constexpr const char* k_no_schema = "3F000";
constexpr std::string_view k_not_granted = "01007";
constexpr std::string_view k_not_revoked = "01006";

constexpr const char* k_has_role = R"sql(
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1)
)sql";

// The name is the server's own word for what the message's words name, if they name a table.
constexpr const char* k_table = R"sql(
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)
   AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}')
)sql";

bool is_grant(const model::DdlStatement& statement) {
    return statement.tag == "GRANT" || statement.tag == "REVOKE";
}

// Who had every right at the source leaves no trace of his own in these. The text is one of these
// only when it says so: the tag is a word of the message.
bool needs_no_role(const model::DdlStatement& statement) {
    return statement.tag == "COMMENT" || statement.tag == "ALTER SCHEMA" ||
           statement.tag == "DROP SCHEMA";
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

Replayer::Replayer(ReplayerOptions options)
    : m_options(std::move(options)), m_privileged(m_options.admin) {}

bool Replayer::was_superuser(const std::string& role) const {
    const auto& all = m_options.superusers;
    return std::find(all.begin(), all.end(), role) != all.end();
}

Outcome Replayer::replay(pq::Connection& connection, const model::DdlStatement& statement,
                         const std::vector<model::RelationName>& stale, bool overtaken) {
    if (environment::is_reserved_role(statement.role) &&
        statement.role != environment::k_nobody_role) {
        model::DdlStatement inert = statement;
        inert.role = environment::k_nobody_role;
        warn_of_owner(statement, statement.role);
        return replay(connection, inert, stale, overtaken);
    }
    if (const auto settable = under_settings_of_here(connection, statement)) {
        return replay(connection, *settable, stale, overtaken);
    }
    m_stale = stale;
    Outcome outcome{true, {}, {}};
    const Plan plan = make_plan(statement, m_options.scope);
    m_notes.clear();
    switch (plan.what) {
    case What::leave_out:
        return {false, plan.why, {}};
    case What::stop:
        throw Error(
            ErrorKind::replica,
            plan.why + (statement.text ? "; statement: " + shown(*statement.text) : std::string()),
            plan.hint);
    case What::extension:
        return replay_extension(connection, m_privileged, statement, m_options.scope,
                                m_options.extensions());
    case What::server:
        server(connection, statement);
        outcome.note = "the server is one that calls nobody";
        return outcome;
    case What::relations:
    case What::foreign_tables:
        make_relations(connection, statement, plan);
        break;
    case What::derive:
        derive(connection, statement, outcome, "could not be captured");
        break;
    case What::run:
        run_statement(connection, statement, plan, outcome);
    }
    require_equal(connection, statement, m_options.scope, m_options.encoding, overtaken,
                  [&](const std::string& sql) { run_definition(connection, statement, sql); });
    switch_off(connection, statement);
    environment::grant_reader(connection);
    if (outcome.ran) {
        outcome.note = take_notes();
    }
    return outcome;
}

// With the ordinary value for each setting that cannot be had here; nullopt: all can.
std::optional<model::DdlStatement> Replayer::under_settings_of_here(
    pq::Connection& connection, const model::DdlStatement& statement) {
    const std::vector<ddl::Setting> settings = unsettable(connection, statement, m_settable);
    if (settings.empty()) {
        return std::nullopt;
    }
    model::DdlStatement here = statement;
    for (const ddl::Setting& setting : settings) {
        m_options.warn("the source's DDL runs under " + std::string(setting.name) + " = " +
                       statement.settings.at(setting.name) +
                       ", which this host's server does not have: texts that are read by it "
                       "(money, to_char, to_tsvector without a configuration) may mean another "
                       "thing here");
        here.settings[setting.name] = setting.ordinary;
    }
    return here;
}

void Replayer::warn_of_owner(const model::DdlStatement& statement, const std::string& owner) {
    m_options.warn("the owner of what a " + statement.tag + " of the source made or changed is " +
                   owner + environment::inert_owner_note());
}

std::string Replayer::take_notes() {
    return base::join(std::exchange(m_notes, {}), "; ");
}

void Replayer::run_statement(pq::Connection& connection, const model::DdlStatement& statement,
                             const Plan& plan, Outcome& outcome) {
    RowsApart apart = rows_apart(connection, statement, m_options.scope);
    Plan told = plan;
    told.text = with_what_is_told(statement, read_text(statement, plan.text));
    const SqlText sql = read_text(statement, told.text);
    // DETACH … CONCURRENTLY leaves the partition's bound behind as a check
    const auto detached = statement.tag == "ALTER TABLE" && plan.text != statement.text
                              ? detached_partition(connection, statement, sql)
                              : std::nullopt;
    std::optional<Drops> drops;
    if (statement.tag == "DROP OWNED" ||
        (statement.tag.starts_with("DROP ") && statement.text != plan.text)) {
        drops.emplace(connection, m_options.scope);
    }
    try {
        if (!run_text(connection, statement, told, sql)) {
            outcome = {false, "what the source left unfinished is not here", {}};
            return;
        }
    } catch (const Error& error) {
        const bool no_pattern =
            error.sqlstate() == k_no_relation || error.sqlstate() == k_no_schema;
        if (!no_pattern || !copies_a_definition(statement)) {
            throw;
        }
        derive(connection, statement, outcome, "is about a table that is not here");
        return;
    }
    if (detached) {
        connection.exec(*detached);
    }
    if (drops) {
        drops->require_recorded(statement);
    }
    empty_unlogged(connection, statement);
    write_values(connection, apart.values);
    outcome.again = std::move(apart.again);
}

bool Replayer::run_text(pq::Connection& connection, const model::DdlStatement& statement,
                        const Plan& plan, const SqlText& sql) {
    const bool superuser = was_superuser(statement.role);
    const bool as_told = begins_with(sql, statement.tag);
    const auto shares = superuser && as_told && is_grant(statement)
                            ? by_owner(connection, statement, sql)
                            : std::vector<OwnersShare>();
    for (const OwnersShare& share : shares) {
        run(connection, statement, share.text, share.owner);
    }
    if (!shares.empty()) {
        return true;
    }
    const bool as_apply = as_told && (plan.as_apply || (superuser && needs_no_role(statement)));
    const auto triggers = all_triggers(sql);
    if (!run(connection, statement, triggers ? triggers->text : plan.text,
             as_apply ? std::nullopt : std::optional(statement.role), plan.may_miss)) {
        return false;
    }
    if (triggers) {
        const std::vector<model::RelationName> tables = carried_tables(connection, statement);
        AsAdmin admin(connection, m_privileged);
        for (const model::RelationName& table : tables) {
            admin->exec(triggers->of_system(table));
        }
        admin.leave();
    }
    return true;
}

// What a message names is looked up and quoted by us, and is the connector's: a true code says
// where the message is from, and gives it no rights.
std::vector<model::RelationName> Replayer::carried_tables(
    pq::Connection& connection, const model::DdlStatement& statement) const {
    std::vector<model::RelationName> tables;
    for (const model::DdlObject& object : statement.objects) {
        const auto told =
            object.type == "table" ? model::parse_relation(object.identity) : std::nullopt;
        if (!told || !carries(m_options.scope, *told)) {
            continue;
        }
        const pq::Result found =
            connection.exec(k_table, {pq::quote_qualified(told->schema, told->name)});
        if (found.rows() == 1) {
            tables.push_back({std::string(found.text(0, 0)), std::string(found.text(0, 1))});
        }
    }
    return tables;
}

// False when it was left out, because what it names is not here and need not be.
bool Replayer::run(pq::Connection& connection, const model::DdlStatement& statement,
                   std::string text, const std::optional<std::string>& role, bool may_miss) {
    const bool may_lend = role == statement.role;
    bool lend =
        may_lend && (was_superuser(statement.role) || m_borrowers.count(statement.role) > 0);
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
            if (may_miss && error.sqlstate() == k_no_relation) {
                connection.exec("RELEASE SAVEPOINT ardent_ddl");
                return false;
            }
            if (attempts >= k_most_attempts) {
                throw refusal(statement, text, error);
            }
            if (mend(error, statement, text, made)) {
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
            if (error.sqlstate() != k_no_privilege || lend || !may_lend) {
                throw refusal(statement, text, error);
            }
            lend = true;
            m_borrowers.insert(statement.role);
        }
    }
}

// What is formed from a message's definitions: they name everything else with its schema.
bool Replayer::run_definition(pq::Connection& connection, const model::DdlStatement& statement,
                              const std::string& text) {
    model::DdlStatement made = statement;
    made.search_path = "pg_catalog";
    return run(connection, made, text, statement.role);
}

void Replayer::attempt(pq::Connection& connection, const model::DdlStatement& statement,
                       const std::string& text, const std::optional<std::string>& role, bool lend) {
    Lending lending(connection, m_options.scope.schemas);
    if (role) {
        ensure_role(connection, *role);
    }
    if (lend) {
        lending.lend(statement.role);
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
void Replayer::ensure_role(pq::Connection& connection, const std::string& role) {
    if (m_roles.count(role) > 0) {
        return;
    }
    if (connection.value(k_has_role, {role}) == "f") {
        m_privileged.create_role(role);
        hear_of_others(connection);
    }
    m_roles.insert(role);
}

// True when trying again is worth it.
bool Replayer::mend(const Error& error, const model::DdlStatement& statement, std::string& text,
                    std::set<std::string>& made) {
    if (const auto role = missing_role(error)) {
        if (!made.insert(*role).second) {
            return false;
        }
        m_privileged.create_role(*role);
        return true;
    }
    if (const auto tablespace = missing_tablespace(error)) {
        const SqlText sql = read_text(statement, text);
        const auto edited = without_tablespace(sql);
        const bool all_of_it = !edited && sql.find({"set", "tablespace"});
        m_notes.push_back("there is no tablespace " + *tablespace + " here");
        text = all_of_it ? std::string() : edited.value_or(text);
        return all_of_it || edited.has_value();
    }
    if (const auto parameter = unknown_parameter(error)) {
        const auto edited = without_parameter(read_text(statement, text), *parameter);
        m_notes.push_back("there is no storage parameter " + *parameter + " here");
        text = edited.value_or(text);
        return edited.has_value();
    }
    return false;
}

void Replayer::make_relations(pq::Connection& connection, const model::DdlStatement& statement,
                              const Plan& plan) {
    const SqlText sql = read_text(statement, plan.text);
    for (const model::DdlTable& table : statement.tables) {
        if (!carries(m_options.scope, table.relation)) {
            continue;
        }
        if (plan.what == What::relations) {
            run_definition(connection, statement, create_table(table, storage_clause(sql)));
            continue;
        }
        const auto from = sql.name_after({"from", "server"});
        if (!from) {
            throw Error(ErrorKind::replica, "IMPORT FOREIGN SCHEMA names no server");
        }
        run_definition(connection, statement, create_foreign_table(table, *from));
    }
}

void Replayer::derive(pq::Connection& connection, const model::DdlStatement& statement,
                      Outcome& outcome, const std::string& why) {
    RowsApart apart = rows_apart(connection, statement, m_options.scope);
    Derivation derivation(connection, m_options.scope, m_options.encoding,
                          [&](const std::string& text) {
                              run_definition(connection, statement, text);
                              m_notes.push_back(text);
                          });
    derivation.replay(statement);
    empty_unlogged(connection, statement);
    write_values(connection, apart.values);
    outcome.again = std::move(apart.again);
    m_options.warn("the text of a " + statement.tag + " of the source " + why +
                   "; from its message it was made as: " + base::join(m_notes, "; ") +
                   ". Checks, foreign keys and storage, if it had any, are missing in the replica");
}

void Replayer::server(pq::Connection& connection, const model::DdlStatement& statement) {
    m_privileged.create_inert_wrapper();
    for (const model::DdlObject& object : statement.objects) {
        const SqlText name(object.type == "server" ? object.identity : "", true);
        if (name.tokens().size() == 1 && name.tokens()[0].name()) {
            connection.exec("CREATE SERVER IF NOT EXISTS " +
                            pq::quote_identifier(name.tokens()[0].text) + " FOREIGN DATA WRAPPER " +
                            k_inert_wrapper);
        }
    }
}

// Rows that wait for a copy are those of some time before: a constraint or a new type may not take
// them, which the source's rows of now are known to fit. True when there were some to take out.
bool Replayer::empty_stale(pq::Connection& connection, const Error& error,
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

// Rows of an unlogged table are not in the stream: it is empty here, as after a copy.
void Replayer::empty_unlogged(pq::Connection& connection, const model::DdlStatement& statement) {
    for (const model::DdlTable& table : statement.tables) {
        if (table.persistence == "unlogged" && table.kind == "table" &&
            model::rewrite_of(statement, table.relation) != nullptr &&
            carries(m_options.scope, table.relation)) {
            connection.exec("TRUNCATE ONLY " +
                            pq::quote_qualified(table.relation.schema, table.relation.name));
        }
    }
}

void Replayer::switch_off(pq::Connection& connection, const model::DdlStatement& statement) {
    if (statement.tag.find("TABLE") == std::string::npos &&
        statement.tag.find("TRIGGER") == std::string::npos &&
        statement.tag.find("RULE") == std::string::npos && statement.tag != "CREATE SCHEMA") {
        return;
    }
    const auto triggers = environment::disable_triggers(connection);
    if (!triggers.empty() && m_options.disabled) {
        m_options.disabled(triggers);
    }
}

}  // namespace ardent::replay
