// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/prepare.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/apply/incoming_copies.hpp"
#include "environment/apply/progress.hpp"
#include "environment/branch/sequence_margins.hpp"
#include "environment/instance/superuser.hpp"

#include <libpq-fe.h>
#include <memory>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using pq::quote_identifier;

BranchOrigin read_origin(pq::Connection& admin) {
    const auto progress = apply::read_progress(admin);
    if (!progress) {
        throw Error(ErrorKind::replica, "the clone is no whole replica: it has no progress row",
                    "Wait until the connector has copied its source, and create the branch again.");
    }
    return {progress->durable, progress->commit_timestamp};
}

// The clone itself is asked: a statement that makes a copy necessary can come to the replica
// between the look at the connector and the cut. The warning; empty: no table waits.
std::string require_copied(pq::Connection& admin, bool allow_stale) {
    std::string waiting = apply::waiting_text(apply::views_of_records(admin));
    if (!waiting.empty() && !allow_stale) {
        throw Error(ErrorKind::replica,
                    waiting + ": the source changed them while the branch was cut.",
                    "Wait until the connector has copied them, and do it again. allow_stale "
                    "takes the replica as it is.");
    }
    return waiting;
}

// One statement for all that were found.
void grant_found(Superuser& admin, const pq::Result& found, const std::string& role,
                 const std::string& option = {}) {
    std::vector<std::string> names;
    for (int row = 0; row < found.rows(); ++row) {
        names.push_back(quote_identifier(found.text(row, 0)));
    }
    if (!names.empty()) {
        admin->exec("GRANT " + base::join(names, ", ") + " TO " + quote_identifier(role) + option);
    }
}

// PostgreSQL never sees the password, so that no log and no statement of the server has it.
std::string scram_verifier(pq::Connection& connection, const BranchRole& role) {
    const std::unique_ptr<char, void (*)(void*)> verifier(
        PQencryptPasswordConn(connection.handle(), role.password.c_str(), role.name.c_str(),
                              "scram-sha-256"),
        PQfreemem);
    if (!verifier) {
        throw connection.failure("encrypting the password of the branch's role");
    }
    return verifier.get();
}

void create_role(Superuser& admin, const BranchRole& role) {
    admin->exec("CREATE ROLE " + quote_identifier(role.name) +
                " LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD " +
                admin->quote_literal(scram_verifier(*admin, role)));
    // Predefined roles that reach no file and no program. Which there are depends on the major.
    const pq::Result predefined = admin->exec(R"sql(
        SELECT rolname
          FROM pg_catalog.pg_roles
         WHERE rolname OPERATOR(pg_catalog.=) ANY
               ('{pg_monitor,pg_signal_backend,pg_read_all_data,pg_write_all_data,pg_maintain,
                  pg_use_reserved_connections}')
    )sql");
    grant_found(admin, predefined, role.name);
}

// The roles of the source: whoever uses the branch may act as each of them, as a migration does
// that sets its role.
void lend_source_roles(Superuser& admin, const BranchRole& role) {
    const pq::Result found = admin->exec(
        R"sql(
        SELECT rolname
          FROM pg_catalog.pg_roles
         WHERE rolname OPERATOR(pg_catalog.!~) '^(pg_|ardent_)'
           AND rolname OPERATOR(pg_catalog.<>) $1
           AND NOT rolsuper
        )sql",
        {role.name});
    grant_found(admin, found, role.name, " WITH ADMIN OPTION");
}

// A superuser of the source is none here, but what he owns has to go on working: a view of his
// reads, and a SECURITY DEFINER function of his writes, what belongs to others. Nobody has more by
// it: the branch's role is a member of each of them already.
void lend_to_superusers(Superuser& admin, const BranchPlan& plan) {
    for (const std::string& superuser : plan.superusers) {
        const pq::Result found = admin->exec(
            R"sql(
            SELECT o.rolname
              FROM pg_catalog.pg_roles AS o, pg_catalog.pg_roles AS s
             WHERE s.rolname OPERATOR(pg_catalog.=) $1 AND NOT s.rolsuper
               AND s.rolname OPERATOR(pg_catalog.!~) '^(pg_|ardent_)'
               AND o.rolname OPERATOR(pg_catalog.!~) '^(pg_|ardent_)'
               AND o.rolname OPERATOR(pg_catalog.<>) $2
               AND NOT o.rolsuper AND NOT pg_catalog.pg_has_role(o.oid, s.oid, 'MEMBER')
               AND NOT pg_catalog.pg_has_role(s.oid, o.oid, 'MEMBER')
            )sql",
            {superuser, plan.role.name});
        grant_found(admin, found, superuser);
    }
}

void enable_triggers(Superuser& admin, const std::vector<DisabledTrigger>& triggers,
                     std::vector<std::string>& notes) {
    for (const DisabledTrigger& trigger : triggers) {
        try {
            admin->exec("ALTER TABLE " +
                        pq::quote_qualified(trigger.relation.schema, trigger.relation.name) +
                        " ENABLE " + (trigger.enabled == 'A' ? "ALWAYS " : "REPLICA ") +
                        (trigger.rule ? "RULE " : "TRIGGER ") + quote_identifier(trigger.name));
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            notes.push_back((trigger.rule ? "rule " : "trigger ") + trigger.name + " on " +
                            model::to_string(trigger.relation) +
                            " is off, and could not be switched on: " + error.what());
        }
    }
}

// What the replica has for itself. What one of its roles owns, for want of the source's owner,
// becomes the branch's.
void remove_replica_parts(Superuser& admin, const BranchPlan& plan) {
    admin->exec("DROP SCHEMA IF EXISTS ardent CASCADE");
    admin->exec("ALTER DATABASE " + quote_identifier(plan.database) + " OWNER TO " +
                quote_identifier(plan.role.name));
    for (const char* const role : {k_apply_role, k_reader_role, k_nobody_role}) {
        admin->exec(std::string("REASSIGN OWNED BY ") + role + " TO " +
                    quote_identifier(plan.role.name));
        admin->exec(std::string("DROP OWNED BY ") + role);
        admin->exec(std::string("DROP ROLE ") + role);
    }
}

}  // namespace

PreparedBranch prepare_branch(const Instance& branch, const BranchPlan& plan) {
    Superuser admin(branch, plan.database, ErrorKind::replica);
    PreparedBranch prepared{read_origin(*admin), require_copied(*admin, plan.allow_stale), {}};
    create_role(admin, plan.role);
    remove_replica_parts(admin, plan);
    lend_to_superusers(admin, plan);
    lend_source_roles(admin, plan.role);
    enable_triggers(admin, plan.triggers, prepared.notes);
    // Rows that row security hides from their table's owner, too (FORCE), have numbers all the
    // same. When this fails the whole branch is thrown away.
    const std::string name = quote_identifier(plan.role.name);
    admin->exec("ALTER ROLE " + name + " BYPASSRLS");
    for (const std::string& sequence : move_sequences(
             branch.connect_options(plan.role.name, plan.database, ErrorKind::replica))) {
        prepared.notes.push_back("sequence " + sequence + " was moved by " +
                                 std::to_string(k_sequence_margin) +
                                 " steps, because no index tells the rows that it fed");
    }
    admin->exec("ALTER ROLE " + name + " NOBYPASSRLS");
    return prepared;
}

}  // namespace ardent::environment
