// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/extension_statement.hpp"

#include "common/base/text.hpp"
#include "environment/replay/drops.hpp"
#include "environment/replay/sql_text.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>

namespace ardent::replay {

namespace {

using base::Error;
using base::ErrorKind;

// The agent never tells of the first, and every database has the second.
bool is_never_touched(const std::string& name) {
    return name == "ardent" || name == "plpgsql";
}

bool is_installed(pq::Connection& connection, const std::string& name) {
    return connection
               .exec("SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) $1",
                     {name})
               .rows() > 0;
}

std::string why_left_out(const std::string& name, const environment::ExtensionPolicy& policy) {
    if (is_never_touched(name)) {
        return "every database has it, or none but the source needs it";
    }
    return environment::is_dropped(policy, name) ? "drop_extensions names " + name : std::string();
}

Error unknown_text(const model::DdlStatement& statement) {
    return {ErrorKind::replica,
            "the text of this " + statement.tag +
                " could not be captured, and the extension's name does not tell what it did",
            "Do the same in the replica, then leave this one message out with retry-setup "
            "--skip-ddl."};
}

// Where the source put it: the first schema of search_path that is there. current_schema() would
// pass over one that the role may not use here.
std::string first_schema(pq::Connection& connection, const model::DdlStatement& statement) {
    const SqlText path = read_text(statement, statement.search_path);
    for (const Token& token : path.tokens()) {
        const std::string& name = token.text == "$user" ? statement.role : token.text;
        if (token.name() && connection
                                    .exec("SELECT FROM pg_catalog.pg_namespace WHERE nspname "
                                          "OPERATOR(pg_catalog.=) $1",
                                          {name})
                                    .rows() > 0) {
            return name;
        }
    }
    return "public";
}

ExtensionWords words_of(pq::Connection& connection, const model::DdlStatement& statement) {
    if (statement.text) {
        auto words = read_extension(read_text(statement, *statement.text));
        return words ? *std::move(words) : throw unknown_text(statement);
    }
    const bool created = statement.tag == "CREATE EXTENSION" && statement.objects.size() == 1;
    const SqlText name(created ? statement.objects[0].identity : "", true);
    const bool own_schema = !name.tokens().empty() && connection
                                                              .exec(
                                                                  R"sql(
                    SELECT FROM pg_catalog.pg_available_extension_versions AS v
                      JOIN pg_catalog.pg_available_extensions AS e
                        ON e.name OPERATOR(pg_catalog.=) v.name
                       AND e.default_version OPERATOR(pg_catalog.=) v.version
                     WHERE v.name OPERATOR(pg_catalog.=) $1 AND v.schema IS NOT NULL
                    )sql",
                                                                  {name.tokens()[0].text})
                                                              .rows() > 0;
    if (!own_schema) {
        throw unknown_text(statement);
    }
    return {name.tokens()[0].text, std::nullopt, std::nullopt};
}

Outcome create(pq::Connection& connection, Privileged& privileged,
               const model::DdlStatement& statement, const environment::ExtensionPolicy& policy) {
    const ExtensionWords words = words_of(connection, statement);
    if (const std::string why = why_left_out(words.name, policy); !why.empty()) {
        return {false, why};
    }
    if (is_installed(connection, words.name)) {
        return {false, "it is installed already"};
    }
    const std::string schema = words.schema.value_or(first_schema(connection, statement));
    std::vector<std::string> warnings;
    AsAdmin admin(connection, privileged);
    environment::create_extension(*admin, {words.name, words.version.value_or(""), schema}, policy,
                                  warnings);
    environment::grant_reader(**admin);
    admin.leave();
    return {true, base::join(warnings, "; ")};
}

// Only what this host has; a copy takes another version too, and says so.
bool has_version(pq::Connection& connection, const ExtensionWords& words) {
    return !words.version || connection
                                     .exec(
                                         R"sql(
                                         SELECT FROM pg_catalog.pg_available_extension_versions
                                          WHERE name OPERATOR(pg_catalog.=) $1
                                            AND version OPERATOR(pg_catalog.=) $2
                                         )sql",
                                         {words.name, *words.version})
                                     .rows() > 0;
}

Outcome alter(pq::Connection& connection, Privileged& privileged,
              const model::DdlStatement& statement, const environment::ExtensionPolicy& policy) {
    const ExtensionWords words = words_of(connection, statement);
    if (const std::string why = why_left_out(words.name, policy); !why.empty()) {
        return {false, why};
    }
    const SqlText sql = read_text(statement, *statement.text);
    const std::string name = pq::quote_identifier(words.name);
    const bool moves = words.schema && sql.find({"set", "schema"});
    if (!moves && !sql.find({"update"})) {
        throw Error(ErrorKind::replica,
                    "an object became a member of extension " + words.name +
                        " of the source, or ceased to be one; statement: " + *statement.text,
                    "Do the same in the replica as its superuser, then leave this one message out "
                    "with retry-setup --skip-ddl.");
    }
    if (!has_version(connection, words)) {
        return {false, "this host has no version " + *words.version + " of " + words.name};
    }
    AsAdmin admin(connection, privileged);
    if (moves) {
        admin->exec("ALTER EXTENSION " + name + " SET SCHEMA " +
                    pq::quote_identifier(*words.schema));
    } else {
        environment::update_extension(*admin, words.name, words.version);
    }
    environment::grant_reader(**admin);
    admin.leave();
    return {true, {}};
}

Outcome drop(pq::Connection& connection, Privileged& privileged,
             const model::DdlStatement& statement, const Scope& scope) {
    std::vector<std::string> names;
    for (const model::DdlDropped& gone : statement.dropped) {
        const SqlText identity(gone.type == "extension" ? gone.identity : "", true);
        if (!identity.tokens().empty() && !is_never_touched(identity.tokens()[0].text) &&
            is_installed(connection, identity.tokens()[0].text)) {
            names.push_back(pq::quote_identifier(identity.tokens()[0].text));
        }
    }
    if (names.empty()) {
        return {false, "it is not installed in the replica"};
    }
    const Drops drops(connection, scope);
    AsAdmin admin(connection, privileged);
    admin->exec("DROP EXTENSION " + base::join(names, ", ") + " CASCADE");
    admin.leave();
    drops.require_recorded(statement);
    return {true, {}};
}

}  // namespace

Outcome replay_extension(pq::Connection& connection, Privileged& privileged,
                         const model::DdlStatement& statement, const Scope& scope,
                         const environment::ExtensionPolicy& policy) {
    if (statement.tag == "CREATE EXTENSION") {
        return create(connection, privileged, statement, policy);
    }
    return statement.tag == "DROP EXTENSION" ? drop(connection, privileged, statement, scope)
                                             : alter(connection, privileged, statement, policy);
}

}  // namespace ardent::replay
