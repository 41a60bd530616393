// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/replayer.hpp"

#include "common/base/text.hpp"
#include "environment/replay/comparison.hpp"
#include "environment/replay/definitions.hpp"
#include "environment/replay/derive.hpp"
#include "environment/replay/drops.hpp"
#include "environment/replay/extension_statement.hpp"
#include "environment/replay/grants.hpp"
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

constexpr const char* k_has_schema = R"sql(
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) $1)
)sql";

// What the role owns in this database; NULL: nothing.
constexpr const char* k_owned = R"sql(
SELECT pg_catalog.string_agg(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
  FROM pg_catalog.pg_shdepend AS d
  JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) d.refobjid
 WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
   AND d.deptype OPERATOR(pg_catalog.=) 'o' AND r.rolname OPERATOR(pg_catalog.=) $1
   AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_default_acl'::pg_catalog.regclass
   AND d.dbid OPERATOR(pg_catalog.=) (
       SELECT b.oid
         FROM pg_catalog.pg_database AS b
        WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
)sql";

constexpr const char* k_tables_with_rows = R"sql(
SELECT c.oid, c.relname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relkind OPERATOR(pg_catalog.=) 'r'
   AND c.relpersistence OPERATOR(pg_catalog.=) 'p'
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

}  // namespace

Replayer::Replayer(ReplayerOptions options) : m_options(std::move(options)), m_runner(m_options) {}

Outcome Replayer::replay(pq::Connection& connection, const model::DdlStatement& statement,
                         const std::vector<model::RelationName>& stale, bool overtaken) {
    if (environment::is_reserved_role(statement.role) &&
        statement.role != environment::k_nobody_role) {
        model::DdlStatement inert = statement;
        inert.role = environment::k_nobody_role;
        m_runner.warn_of_owner(statement, statement.role);
        return replay(connection, inert, stale, overtaken);
    }
    if (const auto settable = under_settings_of_here(connection, statement)) {
        return replay(connection, *settable, stale, overtaken);
    }
    m_runner.begin(stale);
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
        return replay_extension(connection, m_runner.privileged(), statement, m_options.scope,
                                m_options.extensions());
    case What::server:
        server(connection, statement);
        outcome.note = "the server is one that calls nobody";
        return outcome;
    case What::relations:
    case What::foreign_tables:
        make_relations(connection, statement, plan);
        break;
    case What::rename_schema:
        rename_schema(connection, statement, plan, outcome);
        break;
    case What::derive:
        derive(connection, statement, outcome, "could not be captured");
        break;
    case What::run:
        run_statement(connection, statement, plan, outcome);
        if (!outcome.ran) {
            return outcome;
        }
    }
    require_equal(
        connection, statement, m_options.scope, m_options.encoding, overtaken,
        [&](const std::string& sql) { m_runner.run_definition(connection, statement, sql); });
    switch_off(connection, statement);
    environment::grant_reader(connection);
    outcome.note = take_notes();
    note_followed(statement);
    return outcome;
}

void Replayer::note_followed(const model::DdlStatement& statement) {
    std::vector<std::string> identities;
    for (const model::DdlObject& object : statement.objects) {
        if (object.command.starts_with("CREATE ")) {
            identities.push_back(object.identity);
        }
    }
    for (const model::DdlDropped& gone : statement.dropped) {
        identities.push_back(gone.identity);
    }
    if (!identities.empty() && m_options.followed) {
        m_options.followed(identities);
    }
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

std::string Replayer::take_notes() {
    std::vector<std::string> notes = std::exchange(m_notes, {});
    const std::vector<std::string> mended = m_runner.take_notes();
    notes.insert(notes.end(), mended.begin(), mended.end());
    return base::join(notes, "; ");
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
    if (statement.tag.starts_with("DROP ") && statement.text != plan.text) {
        drops.emplace(connection, m_options.scope);
    }
    try {
        if (statement.tag == "DROP OWNED") {
            drop_owned(connection, statement, told.text, sql);
            return;
        }
        if (!run_text(connection, statement, told, sql)) {
            outcome = {false, "what the source left unfinished is not here", {}};
            return;
        }
    } catch (const Error&) {
        if (!go_without(connection, statement, outcome)) {
            throw;
        }
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
    const bool superuser = m_runner.was_superuser(statement.role);
    const bool as_told = begins_with(sql, statement.tag);
    if (as_told && is_grant(statement) && run_grant(connection, statement, sql)) {
        return true;
    }
    const bool as_apply = as_told && (plan.as_apply || (superuser && needs_no_role(statement)));
    const auto triggers = all_triggers(sql);
    if (!m_runner.run(connection, statement, triggers ? triggers->text : plan.text,
                      as_apply ? std::nullopt : std::optional(statement.role), plan.may_miss)) {
        return false;
    }
    if (triggers) {
        const std::vector<model::RelationName> tables = carried_tables(connection, statement);
        AsAdmin admin(connection, m_runner.privileged());
        for (const model::RelationName& table : tables) {
            admin->exec(triggers->of_system(table));
        }
        admin.leave();
    }
    return true;
}

// False when the text is to run as it stands.
bool Replayer::run_grant(pq::Connection& connection, const model::DdlStatement& statement,
                         const SqlText& sql) {
    const GrantShares shares = share_grant(connection, statement, m_options.scope, sql,
                                           m_runner.was_superuser(statement.role));
    for (const OwnersShare& share : shares.shares) {
        m_runner.run(connection, statement, share.text, share.owner);
    }
    if (!shares.of_superuser.empty()) {
        for (const std::string& role : shares.grantees) {
            m_runner.ensure_role(connection, role);
        }
        AsAdmin admin(connection, m_runner.privileged());
        for (const std::string& text : shares.of_superuser) {
            admin->exec(text);
        }
        admin.leave();
    }
    for (const std::string& object : shares.left_out) {
        m_options.left_out({"right", object,
                            "this " + statement.tag +
                                " is about what is the superuser's here: " + shown(sql.text())});
    }
    return shares.apart;
}

// A statement that needs what lies outside of what the connector carries, or a superuser, is left
// out and named, as long as that leaves every table as it is at the source: then no row can differ.
bool Replayer::go_without(pq::Connection& connection, const model::DdlStatement& statement,
                          Outcome& outcome) {
    if (m_runner.unmet().empty()) {
        return false;
    }
    connection.exec("SAVEPOINT ardent_without");
    const auto is_gone = [&](const Error& failure) {
        return failure.kind() == ErrorKind::transient || !connection.ok();
    };
    if (statement.tag.find(" TABLE") != std::string::npos) {
        try {
            derive(connection, statement, outcome, "names what is not here");
            return true;
        } catch (const Error& failure) {
            if (is_gone(failure)) {
                throw;
            }
            connection.exec("ROLLBACK TO SAVEPOINT ardent_without");
        }
    }
    bool equal = false;
    try {
        equal = tables_are_equal(connection, statement);
    } catch (const Error& failure) {
        if (is_gone(failure)) {
            throw;
        }
    }
    connection.exec("ROLLBACK TO SAVEPOINT ardent_without");
    if (!equal) {
        return false;
    }
    name_left_out(statement, m_runner.unmet());
    outcome = {false, "the replica does not have what it needs: " + m_runner.unmet(), {}};
    return true;
}

bool Replayer::tables_are_equal(pq::Connection& connection, const model::DdlStatement& statement) {
    model::DdlStatement tables = statement;
    std::erase_if(tables.tables, [](const model::DdlTable& table) {
        return table.kind != "table" && table.kind != "partitioned table";
    });
    require_equal(
        connection, tables, m_options.scope, m_options.encoding, false,
        [&](const std::string& sql) { m_runner.run_definition(connection, statement, sql); });
    return statement.rewritten.empty();
}

void Replayer::name_left_out(const model::DdlStatement& statement, const std::string& because) {
    note_followed(statement);
    for (const model::DdlObject& object : statement.objects) {
        m_options.left_out({object.type, object.identity, statement.tag + ": " + because});
    }
    if (statement.objects.empty() && statement.dropped.empty()) {
        m_options.left_out({"statement", statement.tag, because});
    }
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

void Replayer::make_relations(pq::Connection& connection, const model::DdlStatement& statement,
                              const Plan& plan) {
    const SqlText sql = read_text(statement, plan.text);
    for (const model::DdlTable& table : statement.tables) {
        if (!carries(m_options.scope, table.relation)) {
            continue;
        }
        if (plan.what == What::relations) {
            m_runner.run_definition(connection, statement,
                                    create_table(table, storage_clause(sql)));
            continue;
        }
        const auto from = sql.name_after({"from", "server"});
        if (!from) {
            throw Error(ErrorKind::replica, "IMPORT FOREIGN SCHEMA names no server");
        }
        m_runner.run_definition(connection, statement, create_foreign_table(table, *from));
    }
}

void Replayer::derive(pq::Connection& connection, const model::DdlStatement& statement,
                      Outcome& outcome, const std::string& why) {
    RowsApart apart = rows_apart(connection, statement, m_options.scope);
    Derivation derivation(connection, m_options.scope, m_options.encoding,
                          [&](const std::string& text) {
                              m_runner.run_definition(connection, statement, text);
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
    for (const model::DdlObject& object : statement.objects) {
        const SqlText name(object.type == "server" ? object.identity : "", true);
        if (name.tokens().size() == 1 && name.tokens()[0].name()) {
            m_runner.create_server(connection, name.tokens()[0].text);
        }
    }
}

// What the source dropped is dropped, one by one, and then the text takes away the rights. REASSIGN
// OWNED BY x TO y comes before DROP OWNED BY x, which is how a role is dropped, and as a session's
// first statement it has no message: nobody knows of y. What x still owns here it did not drop
// there: that belongs to whoever drops x, then, and the connector says so.
void Replayer::drop_owned(pq::Connection& connection, const model::DdlStatement& statement,
                          const std::string& text, const SqlText& sql) {
    const Drops drops(connection, m_options.scope);
    for (const std::string& drop : drop_texts(statement, m_options.scope)) {
        m_runner.run(connection, statement, drop, statement.role);
    }
    for (const std::string& role : roles_acted_for(sql)) {
        const pq::Result left = connection.exec(k_owned, {role});
        if (left.is_null(0, 0) || environment::is_reserved_role(role)) {
            continue;
        }
        connection.exec("REASSIGN OWNED BY " + pq::quote_identifier(role) + " TO " +
                        pq::quote_identifier(statement.role));
        m_options.warn("a REASSIGN OWNED of the source had no message; in the replica " +
                       std::string(left.text(0, 0)) + " belongs to " + statement.role +
                       " now: ALTER … OWNER TO at the source has a message");
    }
    // A superuser takes away what any owner granted; whoever is none, what their own roles did, and
    // the server warns of the rest (RemoveRoleFromObjectACL, catalog/aclchk.c).
    m_runner.run(
        connection, statement, text,
        m_runner.was_superuser(statement.role) ? std::nullopt : std::optional(statement.role));
    drops.require_recorded(statement);
}

// A schema that has lost its name is kept under the new one: it may get the old one back, and its
// rows are copied again then, because what was written meanwhile was not sent.
void Replayer::rename_schema(pq::Connection& connection, const model::DdlStatement& statement,
                             const Plan& plan, Outcome& outcome) {
    const auto& schemas = m_options.scope.schemas;
    if (std::find(schemas.begin(), schemas.end(), plan.from) != schemas.end()) {
        connection.exec("DROP SCHEMA IF EXISTS " + pq::quote_identifier(plan.to) + " CASCADE");
        m_runner.run(connection, statement, plan.text, std::nullopt);
        m_options.warn("schema " + plan.from + " of the source is called " + plan.to +
                       " there now: what is in it is not followed any more");
        return;
    }
    if (connection.value(k_has_schema, {plan.from}) != "t") {
        throw Error(ErrorKind::replica,
                    "schema " + plan.from + " of the source is called " + plan.to +
                        " there now, which the connector carries; the replica has none of its "
                        "tables",
                    "Make the replica anew with retry-setup --resync.");
    }
    m_runner.run(connection, statement, plan.text, std::nullopt);
    const pq::Result tables = connection.exec(k_tables_with_rows, {plan.to});
    for (int row = 0; row < tables.rows(); ++row) {
        outcome.again.push_back({tables.number<std::uint32_t>(row, 0),
                                 {plan.to, std::string(tables.text(row, 1))},
                                 "its schema had another name meanwhile"});
    }
}

// Rows of an unlogged table are not in the stream: it is empty here, as after a copy.
void Replayer::empty_unlogged(pq::Connection& connection, const model::DdlStatement& statement) {
    for (const model::DdlTable& table : statement.tables) {
        if (table.persistence == "unlogged" && table.kind == "table" &&
            model::rewrite_of(statement, table.relation) != nullptr &&
            carries(m_options.scope, table.relation)) {
            // what refers to an unlogged table is unlogged, too, and has no rows here
            connection.exec("TRUNCATE ONLY " +
                            pq::quote_qualified(table.relation.schema, table.relation.name) +
                            " CASCADE");
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
