// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/replica.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/pq/array_text.hpp"

#include <algorithm>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;
using pq::quote_identifier;

constexpr int k_version_predefined_read = 140000;  // pg_read_all_data

std::string locale_clause(Superuser& admin, const protocol::SourceIdentity& source) {
    std::string clause = " LC_COLLATE " + admin->quote_literal(source.lc_collate) + " LC_CTYPE " +
                         admin->quote_literal(source.lc_ctype);
    if (source.locale_provider == "c") {
        return clause;
    }
    const std::string locale = admin->quote_literal(source.icu_locale.value_or(""));
    if (source.locale_provider != "i") {
        return clause + " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + locale;
    }
    return clause + " LOCALE_PROVIDER icu ICU_LOCALE " + locale +
           (source.icu_rules ? " ICU_RULES " + admin->quote_literal(*source.icu_rules) : "");
}

// Which ALTER … OWNER TO goes with a type of pg_identify_object. Sequences of a column and types of
// a table follow their table and are left out by the query that asks.
std::string alter_keyword(std::string_view type) {
    static const std::map<std::string_view, std::string_view> words = {
        {"table", "TABLE"},
        {"view", "VIEW"},
        {"materialized view", "MATERIALIZED VIEW"},
        {"sequence", "SEQUENCE"},
        {"foreign table", "FOREIGN TABLE"},
        {"composite type", "TYPE"},
        {"type", "TYPE"},
        {"domain", "DOMAIN"},
        {"function", "FUNCTION"},
        {"procedure", "PROCEDURE"},
        {"aggregate", "AGGREGATE"},
        {"schema", "SCHEMA"},
        {"collation", "COLLATION"},
        {"conversion", "CONVERSION"},
        {"operator", "OPERATOR"},
        {"operator class", "OPERATOR CLASS"},
        {"operator family", "OPERATOR FAMILY"},
        {"text search dictionary", "TEXT SEARCH DICTIONARY"},
        {"text search configuration", "TEXT SEARCH CONFIGURATION"},
        {"statistics object", "STATISTICS"},
    };
    const auto found = words.find(type);
    return found == words.end() ? std::string() : std::string(found->second);
}

// The list is the agent's: what the server or the replica has for itself (the functions that read
// and write files, the progress row) keeps its owner whatever it says.
void set_owner(Superuser& admin, const protocol::ObjectOwner& owned) {
    const pq::Result found = admin->exec(
        R"sql(
        SELECT i.type, i.identity
          FROM pg_catalog.pg_get_object_address($1, $2::pg_catalog.text[], $3::pg_catalog.text[]) AS a
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(a.classid, a.objid, 0) AS i
         WHERE CASE WHEN i.type OPERATOR(pg_catalog.=) 'schema'
                    THEN i.name OPERATOR(pg_catalog.!~) '^pg_'
                         AND i.name OPERATOR(pg_catalog.<>) ALL ('{ardent,information_schema}')
                    ELSE a.objid OPERATOR(pg_catalog.>=) 16384
                         AND COALESCE(i.schema, '') OPERATOR(pg_catalog.<>) 'ardent' END
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid OPERATOR(pg_catalog.=) a.classid
                  AND d.objid OPERATOR(pg_catalog.=) a.objid
                  AND d.deptype OPERATOR(pg_catalog.=) ANY ('{a,i,e}')
                  AND d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.pg_class'::pg_catalog.regclass,
                                                                   'pg_catalog.pg_extension'::pg_catalog.regclass])
                  AND (d.deptype OPERATOR(pg_catalog.=) 'e' OR i.type OPERATOR(pg_catalog.=) 'sequence'))
        )sql",
        {owned.type, pq::array_text(owned.names), pq::array_text(owned.args)});
    const std::string word = found.rows() == 0 ? std::string() : alter_keyword(found.text(0, 0));
    if (!word.empty()) {
        admin->exec("ALTER " + word + " " + std::string(found.text(0, 1)) + " OWNER TO " +
                    quote_identifier(owned.owner));
    }
}

// A schema runs nothing.
bool may_own(const protocol::ObjectOwner& owned) {
    return !is_reserved_role(owned.owner) ||
           (owned.type == "schema" && owned.owner == "pg_database_owner");
}

void give_to_nobody(Superuser& admin, protocol::ObjectOwner owned) {
    owned.owner = k_nobody_role;
    set_owner(admin, owned);
}

}  // namespace

std::string owner_here(const std::string& role) {
    return is_reserved_role(role) ? std::string(k_nobody_role) : role;
}

std::string inert_owner_note() {
    return std::string(", and in the replica ") + k_nobody_role +
           ", who has no rights: nothing of the source gets those of a role that the replica has "
           "for itself, or that may reach its host";
}

InstanceSpec replica_spec(const Settings& settings, const std::string& connector_id,
                          const std::string& name, int major) {
    InstanceSpec spec;
    spec.name = "replica " + name;
    spec.directory = settings.data_dir + "/replicas/" + connector_id;
    spec.socket_directory = socket_directory(settings.run_dir, connector_id);
    spec.binaries = find_binaries(settings.replica.binaries, major);
    spec.library = settings.replica.libraries + "/" + std::to_string(major);
    spec.containment = settings.containment;
    spec.limits = settings.limits;
    spec.clone = settings.branch.clone.method;
    spec.settings = settings_of_major(major);
    spec.settings.insert({{"dynamic_library_path", spec.library + ":$libdir"},
                          {"shared_buffers", settings.replica.shared_buffers},
                          {"max_wal_size", settings.replica.max_wal_size},
                          {"maintenance_work_mem", settings.replica.maintenance_work_mem}});
    return spec;
}

void create_roles(Superuser& admin, const std::vector<std::string>& roles) {
    admin->exec("BEGIN");
    admin->exec(std::string("CREATE ROLE ") + k_apply_role + " LOGIN NOSUPERUSER BYPASSRLS");
    admin->exec(std::string("ALTER ROLE ") + k_apply_role +
                " SET session_replication_role = 'replica'");
    admin->exec(std::string("CREATE ROLE ") + k_reader_role + " LOGIN NOSUPERUSER BYPASSRLS");
    admin->exec(std::string("ALTER ROLE ") + k_reader_role +
                " SET default_transaction_read_only = on");
    if (admin->server_version() >= k_version_predefined_read) {
        admin->exec(std::string("GRANT pg_read_all_data TO ") + k_reader_role);
    }
    admin->exec(std::string("CREATE ROLE ") + k_nobody_role + " NOLOGIN");
    admin->exec(std::string("GRANT ") + k_nobody_role + " TO " + k_apply_role +
                " WITH ADMIN OPTION");
    for (const std::string& role : roles) {
        create_source_role(admin, role);
    }
    admin->exec("COMMIT");
}

void create_source_role(Superuser& admin, const std::string& role) {
    if (is_own_role(role)) {
        throw Error(ErrorKind::replica,
                    "the source has a role named " + role + ", which the replica uses itself",
                    "Rename that role at the source.");
    }
    const bool exists =
        admin
            ->exec("SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1",
                   {role})
            .rows() > 0;
    if (!exists && role.starts_with("pg_")) {
        throw Error(ErrorKind::replica,
                    "the predefined role " + role +
                        " of the source does not exist in the replica's server");
    }
    if (!exists) {
        admin->exec("CREATE ROLE " + quote_identifier(role) + " NOLOGIN");
    }
    // A predefined role may reach the host: pg_execute_server_program, pg_write_server_files.
    if (!role.starts_with("pg_")) {
        admin->exec("GRANT " + quote_identifier(role) + " TO " + k_apply_role +
                    " WITH ADMIN OPTION");
    }
}

void create_database(Superuser& admin, const protocol::SourceIdentity& source) {
    if (source.database == "postgres") {
        admin->exec("DROP DATABASE IF EXISTS postgres");
    }
    try {
        admin->exec("CREATE DATABASE " + quote_identifier(source.database) + " OWNER " +
                    k_apply_role + " TEMPLATE template0 ENCODING " +
                    admin->quote_literal(source.server_encoding) + locale_clause(admin, source));
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::transient) {
            throw;
        }
        throw Error(
            ErrorKind::replica,
            "cannot make a database like the source's (encoding " + source.server_encoding +
                ", collation " + source.lc_collate + ", character type " + source.lc_ctype +
                "): " + error.what(),
            "Give this host the source's locale: install locales-all, or run locale-gen for it; "
            "then run retry-setup.");
    }
}

std::string collation_warning(const protocol::SourceIdentity& source,
                              const std::optional<std::string>& here) {
    if (!source.collation_version || !here || *source.collation_version == *here) {
        return {};
    }
    return "text is sorted by version " + *source.collation_version + " of " +
           source.icu_locale.value_or(source.lc_collate) + " at the source and by " + *here +
           " on this host: ranges of text that are partitions or exclusions, and the order that "
           "queries give, may differ. A host with the source's operating system has its version";
}

void create_schema(Superuser& admin, const std::string& schema) {
    if (schema == "ardent") {
        throw Error(ErrorKind::replica,
                    "schema ardent of the source is to be carried, and the replica has one of its "
                    "own",
                    "Take it out of source.schemas at the agent.");
    }
    if (!schema.starts_with("pg_")) {
        admin->exec("CREATE SCHEMA IF NOT EXISTS " + quote_identifier(schema) + " AUTHORIZATION " +
                    k_apply_role);
    }
}

void create_surroundings(Superuser& admin, const protocol::CopyBegin& begin,
                         const ExtensionPolicy& policy, std::vector<std::string>& warnings) {
    const bool has_public =
        admin
            ->exec(
                "SELECT FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'public'")
            .rows() > 0;
    if (has_public) {
        admin->exec(std::string("ALTER SCHEMA public OWNER TO ") + k_apply_role);
    }
    for (const std::string& schema : begin.schemas) {
        create_schema(admin, schema);
    }
    for (const protocol::ExtensionNeed& need : begin.extensions) {
        if (is_dropped(policy, need.name)) {
            warnings.push_back("extension " + need.name +
                               " of the source is not in the replica: drop_extensions names it");
        } else if (need.name != "ardent" && need.name != "plpgsql") {
            create_extension(admin, need, policy, warnings);
        }
    }
}

void create_outside_schema(Superuser& admin, const std::string& schema) {
    create_schema(admin, schema);
    admin->exec("GRANT USAGE ON SCHEMA " + quote_identifier(schema) + " TO PUBLIC");
}

void create_stand_in(pq::Connection& apply, const protocol::OutsideFunction& function) {
    apply.exec("CREATE FUNCTION " + pq::quote_qualified(function.schema, function.name) + "(" +
               function.arguments + ") RETURNS " + function.result + " LANGUAGE plpgsql " +
               (function.volatility == 'i'   ? "IMMUTABLE"
                : function.volatility == 's' ? "STABLE"
                                             : "VOLATILE") +
               " AS $$ BEGIN RAISE EXCEPTION 'this function is in a schema of the source "
               "that is not carried'; END $$");
}

void create_stand_ins(Superuser& admin, pq::Connection& apply,
                      const std::vector<protocol::OutsideFunction>& functions,
                      std::vector<std::string>& warnings) {
    for (const protocol::OutsideFunction& function : functions) {
        const std::string shown = model::to_string({function.schema, function.name}) + "(" +
                                  function.arguments + "), which " +
                                  base::join(function.tables, ", ") +
                                  " needs, is in a schema that is not carried";
        try {
            create_outside_schema(admin, function.schema);
            create_stand_in(apply, function);
            warnings.push_back("function " + shown +
                               ": in the replica a function that raises an error stands for it");
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            warnings.push_back("function " + shown +
                               ", and nothing can stand for it: " + error.what());
        }
    }
}

bool runs_code(const protocol::ObjectOwner& owned) {
    return owned.type == "table" || owned.type == "function" || owned.type == "procedure" ||
           owned.type == "aggregate";
}

void set_owners(Superuser& admin, const std::vector<protocol::ObjectOwner>& owners,
                std::vector<std::string>& warnings) {
    for (const protocol::ObjectOwner& owned : owners) {
        const std::string named = owned.type + " " + base::join(owned.names, ".");
        try {
            if (may_own(owned)) {
                set_owner(admin, owned);
                continue;
            }
            give_to_nobody(admin, owned);
            warnings.push_back("the owner of " + named + " at the source is " + owned.owner +
                               inert_owner_note());
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::transient) {
                throw;
            }
            if (runs_code(owned)) {
                give_to_nobody(admin, owned);
            }
            warnings.push_back("the owner of " + named + " could not be set to " + owned.owner +
                               ": " + error.what());
        }
    }
}

std::vector<std::string> open_schemas(Superuser& admin, const std::vector<std::string>& schemas) {
    const pq::Result closed = admin->exec(
        R"sql(
        SELECT n.nspname
          FROM pg_catalog.pg_namespace AS n
         WHERE n.nspname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])
           AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a
                            WHERE a.grantee OPERATOR(pg_catalog.=) 0 AND a.privilege_type OPERATOR(pg_catalog.=) 'USAGE')
        )sql",
        {pq::array_text(schemas)});
    std::vector<std::string> opened;
    for (int row = 0; row < closed.rows(); ++row) {
        opened.emplace_back(closed.text(row, 0));
        admin->exec("GRANT USAGE ON SCHEMA " + quote_identifier(opened.back()) + " TO PUBLIC");
    }
    return opened;
}

void close_schemas(Superuser& admin, const std::vector<std::string>& opened) {
    for (const std::string& schema : opened) {
        admin->exec("REVOKE USAGE ON SCHEMA " + quote_identifier(schema) + " FROM PUBLIC");
    }
}

std::vector<DisabledTrigger> disable_triggers(pq::Connection& connection) {
    const pq::Result found = connection.exec(R"sql(
        SELECT n.nspname, c.relname, t.name, t.enabled, t.rule
          FROM (SELECT tgrelid AS relation, tgname AS name, tgenabled AS enabled, false AS rule
                  FROM pg_catalog.pg_trigger
                 WHERE NOT tgisinternal AND tgenabled OPERATOR(pg_catalog.=) ANY ('{A,R}')
                 UNION ALL
                SELECT ev_class, rulename, ev_enabled, true
                  FROM pg_catalog.pg_rewrite
                 WHERE rulename OPERATOR(pg_catalog.<>) '_RETURN' AND ev_enabled OPERATOR(pg_catalog.=) ANY ('{A,R}')) AS t
          JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.relation
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema}')
         ORDER BY 1, 2, 3
    )sql");
    std::vector<DisabledTrigger> disabled;
    for (int row = 0; row < found.rows(); ++row) {
        DisabledTrigger trigger;
        trigger.relation = {found.value(row, 0).value(), found.value(row, 1).value()};
        trigger.name = found.value(row, 2).value();
        trigger.enabled = found.text(row, 3).front();
        trigger.rule = found.text(row, 4) == "t";
        connection.exec(
            "ALTER TABLE " + pq::quote_qualified(trigger.relation.schema, trigger.relation.name) +
            " DISABLE " + (trigger.rule ? "RULE " : "TRIGGER ") + quote_identifier(trigger.name));
        disabled.push_back(std::move(trigger));
    }
    return disabled;
}

void grant_reader(pq::Connection& connection) {
    if (connection.server_version() >= k_version_predefined_read) {
        return;
    }
    const pq::Result missing = connection.exec(
        R"sql(
        SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, $1::pg_catalog.name)
          FROM pg_catalog.pg_namespace AS n
         WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
           AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
           AND NOT pg_catalog.has_schema_privilege($1::pg_catalog.name, n.oid, 'USAGE')
         UNION ALL
        SELECT pg_catalog.format('GRANT SELECT ON %I.%I TO %I', n.nspname, c.relname,
                                 $1::pg_catalog.name)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
           AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f,S}')
           AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
           AND NOT pg_catalog.has_table_privilege($1::pg_catalog.name, c.oid, 'SELECT')
        )sql",
        {k_reader_role});
    for (int row = 0; row < missing.rows(); ++row) {
        connection.exec(std::string(missing.text(row, 0)));
    }
}

}  // namespace ardent::environment
