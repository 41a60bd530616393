// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/plan.hpp"

#include "environment/replay/sql_text.hpp"

#include "common/base/text.hpp"
#include "common/pq/connection.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

namespace ardent::replay {

namespace {

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

// What a copy leaves out as well: it would call out, or belongs to the source's server.
constexpr std::array<std::string_view, 12> k_foreign_types = {"publication",
                                                              "publication relation",
                                                              "publication namespace",
                                                              "subscription",
                                                              "event trigger",
                                                              "user mapping",
                                                              "foreign-data wrapper",
                                                              "server",
                                                              "large object",
                                                              "role",
                                                              "database",
                                                              "tablespace"};

constexpr std::array<std::string_view, 16> k_foreign_tags = {"CREATE PUBLICATION",
                                                             "ALTER PUBLICATION",
                                                             "DROP PUBLICATION",
                                                             "CREATE SUBSCRIPTION",
                                                             "ALTER SUBSCRIPTION",
                                                             "DROP SUBSCRIPTION",
                                                             "CREATE USER MAPPING",
                                                             "ALTER USER MAPPING",
                                                             "DROP USER MAPPING",
                                                             "CREATE EVENT TRIGGER",
                                                             "ALTER EVENT TRIGGER",
                                                             "DROP EVENT TRIGGER",
                                                             "CREATE FOREIGN DATA WRAPPER",
                                                             "ALTER FOREIGN DATA WRAPPER",
                                                             "DROP FOREIGN DATA WRAPPER",
                                                             "SECURITY LABEL"};

bool is_part_of_table(const std::string& type) {
    return type == "trigger" || type == "policy" || type == "rule" || type == "table constraint";
}

// The name in "public.t", or of the table in "p on public.t"; nullopt when there is none.
std::optional<model::RelationName> name_in_identity(const std::string& type,
                                                    const std::string& identity) {
    const SqlText parts(identity, true);
    const std::vector<Token>& tokens = parts.tokens();
    std::size_t place = 0;
    for (std::size_t i = 0; i < tokens.size() && is_part_of_table(type); ++i) {
        place = tokens[i].is("on") ? i + 1 : place;
    }
    if (place + 2 < tokens.size() && tokens[place].name() && tokens[place + 1].symbol('.')) {
        return model::RelationName{tokens[place].text, tokens[place + 2].text};
    }
    return std::nullopt;
}

std::optional<std::string> schema_of_identity(const std::string& type,
                                              const std::string& identity) {
    if (type == "schema") {
        const SqlText parts(identity, true);
        return parts.tokens().empty() ? std::nullopt : std::optional(parts.tokens()[0].text);
    }
    const auto name = name_in_identity(type, identity);
    return name ? std::optional(name->schema) : std::nullopt;
}

template <class Object>
std::optional<std::string> schema_of(const Object& object) {
    return object.schema ? object.schema : schema_of_identity(object.type, object.identity);
}

bool has(const std::vector<std::string>& schemas, const std::string& schema) {
    return std::find(schemas.begin(), schemas.end(), schema) != schemas.end();
}

// nullopt for what lies in no schema.
std::optional<bool> lies_inside(const model::DdlDropped& gone, const Scope& scope) {
    const auto schema = schema_of(gone);
    if (!schema) {
        return std::nullopt;
    }
    const auto table = gone.type == "table" || is_part_of_table(gone.type)
                           ? name_in_identity(gone.type, gone.identity)
                           : std::nullopt;
    return table ? carries(scope, *table) : has(scope.schemas, *schema);
}

enum class Reach { inside, outside, mixed, nowhere };

class Tally {
public:
    void count(bool inside) { (inside ? m_inside : m_outside) = true; }
    Reach reach() const {
        if (m_inside && m_outside) {
            return Reach::mixed;
        }
        return m_inside ? Reach::inside : (m_outside ? Reach::outside : Reach::nowhere);
    }

private:
    bool m_inside = false;
    bool m_outside = false;
};

// What a DROP names. What its CASCADE takes along may lie elsewhere: the foreign key of a table
// that is not carried, whose definition the message then tells. An index does not say whose it is.
Reach reach_of_drop(const model::DdlStatement& statement, const Scope& scope) {
    Tally named;
    for (const model::DdlDropped& gone : statement.dropped) {
        const bool counts =
            gone.original && gone.type != "index" && statement.tag.starts_with("DROP ");
        if (const auto inside = counts ? lies_inside(gone, scope) : std::nullopt) {
            named.count(*inside);
        }
    }
    return named.reach();
}

// Relations say it best: one that is excluded lies in a schema that is carried.
Reach reach_of(const model::DdlStatement& statement, const Scope& scope) {
    if (const Reach named = reach_of_drop(statement, scope); named != Reach::nowhere) {
        return named;
    }
    Tally tables;
    for (const model::DdlTable& table : statement.tables) {
        tables.count(carries(scope, table.relation));
    }
    if (tables.reach() != Reach::nowhere) {
        return tables.reach();
    }
    Tally all;
    for (const model::DdlObject& object : statement.objects) {
        if (const auto schema = schema_of(object)) {
            all.count(has(scope.schemas, *schema));
        }
    }
    for (const model::DdlDropped& gone : statement.dropped) {
        if (const auto inside = gone.original ? lies_inside(gone, scope) : std::nullopt) {
            all.count(*inside);
        }
    }
    return all.reach();
}

// Types as pg_event_trigger_dropped_objects() says them, and the words after DROP.
const std::map<std::string_view, std::string_view>& drop_words() {
    static const std::map<std::string_view, std::string_view> words = {
        {"table", "TABLE"},
        {"view", "VIEW"},
        {"materialized view", "MATERIALIZED VIEW"},
        {"index", "INDEX"},
        {"sequence", "SEQUENCE"},
        {"foreign table", "FOREIGN TABLE"},
        {"type", "TYPE"},
        {"composite type", "TYPE"},
        {"domain", "DOMAIN"},
        {"function", "FUNCTION"},
        {"procedure", "PROCEDURE"},
        {"aggregate", "AGGREGATE"},
        {"schema", "SCHEMA"},
        {"trigger", "TRIGGER"},
        {"policy", "POLICY"},
        {"rule", "RULE"},
        {"collation", "COLLATION"},
        {"conversion", "CONVERSION"},
        {"cast", "CAST"},
        {"operator", "OPERATOR"},
        {"operator class", "OPERATOR CLASS"},
        {"operator family", "OPERATOR FAMILY"},
        {"text search parser", "TEXT SEARCH PARSER"},
        {"text search dictionary", "TEXT SEARCH DICTIONARY"},
        {"text search template", "TEXT SEARCH TEMPLATE"},
        {"text search configuration", "TEXT SEARCH CONFIGURATION"},
        {"statistics object", "STATISTICS"},
    };
    return words;
}

// An index that CONCURRENTLY left unfinished at the source: the replica may have it or not.
bool drops_unfinished(const model::DdlStatement& statement) {
    return std::any_of(statement.dropped.begin(), statement.dropped.end(),
                       [](const auto& gone) { return gone.original && gone.invalid; });
}

bool alters_unfinished(const model::DdlStatement& statement) {
    return !statement.objects.empty() && statement.dropped.empty() &&
           std::all_of(statement.objects.begin(), statement.objects.end(),
                       [](const auto& object) { return object.invalid; });
}

// DROP of what was named and is carried; nullopt when the types are not of one kind, or unknown.
std::optional<std::string> drop_text(const model::DdlStatement& statement, const Scope& scope) {
    std::vector<std::string> identities;
    std::string_view word;
    bool cascade = false;
    for (const model::DdlDropped& gone : statement.dropped) {
        if (!gone.original) {
            cascade = true;
            continue;
        }
        const auto found = drop_words().find(gone.type);
        if (found == drop_words().end() || (!word.empty() && word != found->second)) {
            return std::nullopt;
        }
        word = found->second;
        if (lies_inside(gone, scope).value_or(true)) {
            identities.push_back(gone.identity);
        }
    }
    if (identities.empty()) {
        return std::nullopt;
    }
    return "DROP " + std::string(word) + (drops_unfinished(statement) ? " IF EXISTS " : " ") +
           base::join(identities, ", ") + (cascade ? " CASCADE" : "");
}

Plan leave_out(const std::string& why) {
    return {What::leave_out, {}, why, {}, false, false};
}

Plan stop(const std::string& why, const std::string& hint) {
    return {What::stop, {}, why, hint, false, false};
}

bool all_foreign(const model::DdlStatement& statement) {
    const auto foreign = [](const auto& object) { return one_of(k_foreign_types, object.type); };
    return statement.objects.size() + statement.dropped.size() > 0 &&
           std::all_of(statement.objects.begin(), statement.objects.end(), foreign) &&
           std::all_of(statement.dropped.begin(), statement.dropped.end(), foreign);
}

std::optional<Plan> plan_server(const model::DdlStatement& statement, const SqlText& sql) {
    if (statement.tag == "CREATE SERVER") {
        return Plan{What::server, {}, {}, {}, true, false};
    }
    if (statement.tag == "DROP SERVER" ||
        (statement.tag == "ALTER SERVER" && sql.find({"rename", "to"}))) {
        // a server that nothing carried uses is not here
        return Plan{What::run, sql.text(), {}, {}, true, true};
    }
    return std::nullopt;
}

// A schema that comes under a carried name, or loses it. Rows are sent by the schema's name.
std::optional<Plan> plan_schema_rename(const model::DdlStatement& statement, const Scope& scope,
                                       const SqlText& sql) {
    const auto from = sql.name_after({"schema"});
    const auto to = sql.name_after({"rename", "to"});
    if (statement.tag != "ALTER SCHEMA" || !begins_with(sql, statement.tag) || !from || !to ||
        has(scope.schemas, *from) == has(scope.schemas, *to)) {
        return std::nullopt;
    }
    return Plan{What::rename_schema, sql.text(), {}, {}, true, false, *from, *to};
}

// ALTER DEFAULT PRIVILEGES … IN SCHEMA a, b …, for the schemas that are carried.
std::optional<Plan> plan_default_privileges(const model::DdlStatement& statement,
                                            const Scope& scope, const SqlText& sql) {
    const auto place = sql.find({"in", "schema"});
    if (statement.tag != "ALTER DEFAULT PRIVILEGES" || !begins_with(sql, statement.tag) || !place) {
        return std::nullopt;
    }
    const std::vector<Token>& tokens = sql.tokens();
    const std::size_t first = *place + 2;
    std::size_t last = first;
    std::vector<std::string> carried;
    for (; last < tokens.size() && tokens[last].name(); last += 2) {
        if (has(scope.schemas, tokens[last].text)) {
            carried.push_back(pq::quote_identifier(tokens[last].text));
        }
        if (last + 1 >= tokens.size() || !tokens[last + 1].symbol(',')) {
            ++last;
            break;
        }
    }
    if (carried.empty()) {
        return leave_out("it lies outside of what the connector carries");
    }
    const std::size_t end = last < tokens.size() ? tokens[last].begin : sql.text().size();
    return Plan{What::run,
                sql.text().substr(0, tokens[first].begin) + base::join(carried, ", ") + " " +
                    sql.text().substr(end),
                {},
                {},
                false,
                false};
}

bool is_extension(const model::DdlStatement& statement) {
    return statement.tag == "CREATE EXTENSION" || statement.tag == "ALTER EXTENSION" ||
           statement.tag == "DROP EXTENSION";
}

// What neither reach nor text has a say in.
std::optional<Plan> plan_by_kind(const model::DdlStatement& statement, const Scope& scope,
                                 const SqlText& sql) {
    if (is_extension(statement)) {
        return Plan{What::extension, sql.text(), {}, {}, true, false};
    }
    if (auto plan = plan_server(statement, sql)) {
        return plan;
    }
    if (auto plan = plan_schema_rename(statement, scope, sql)) {
        return plan;
    }
    if (auto plan = plan_default_privileges(statement, scope, sql)) {
        return plan;
    }
    if (one_of(k_foreign_tags, statement.tag) || all_foreign(statement)) {
        return leave_out("a replica has none of these");
    }
    const bool on_extension =
        !statement.objects.empty() && statement.objects[0].type == "extension";
    if (statement.tag == "REINDEX" || on_extension) {
        return leave_out("it changes nothing that a replica carries");
    }
    if (sql.find({"all", "in", "tablespace"})) {
        return leave_out("a replica has no tablespaces");
    }
    return std::nullopt;
}

bool names_nothing(const model::DdlStatement& statement) {
    return statement.objects.empty() && statement.dropped.empty() && statement.tables.empty() &&
           statement.tag != "GRANT" && statement.tag != "REVOKE" &&
           statement.tag != "ALTER DEFAULT PRIVILEGES" && statement.tag != "DROP OWNED" &&
           statement.tag != "REASSIGN OWNED";
}

Plan plan_text(const model::DdlStatement& statement, const Scope& scope, Reach reach,
               const SqlText& sql) {
    const bool drop = statement.tag.starts_with("DROP ") && statement.tag != "DROP OWNED";
    if (drop && (reach == Reach::mixed || !statement.text || statement.names_left_out ||
                 drops_unfinished(statement))) {
        if (auto text = drop_text(statement, scope)) {
            return {What::run, *std::move(text), {}, {}, false, false};
        }
    }
    if (!statement.text) {
        return {What::derive, {}, {}, {}, false};
    }
    const bool calls_nobody = statement.tag.find("FOREIGN TABLE") != std::string::npos;
    if (statement.masked && !calls_nobody) {
        return stop("a secret in this " + statement.tag + " was masked, so it cannot be run",
                    "Make the same change in the replica, then leave this one message out with "
                    "retry-setup --skip-ddl.");
    }
    const bool concurrently = statement.tag == "CREATE INDEX" || statement.tag == "DROP INDEX" ||
                              statement.tag == "ALTER TABLE";
    return {What::run, concurrently ? in_one_step(sql) : sql.text(),  {}, {},
            false,     finalizes(sql) || alters_unfinished(statement)};
}

}  // namespace

bool carries(const Scope& scope, const model::RelationName& relation) {
    return has(scope.schemas, relation.schema) &&
           std::find(scope.excluded.begin(), scope.excluded.end(), relation) ==
               scope.excluded.end();
}

std::vector<std::string> drop_texts(const model::DdlStatement& statement, const Scope& scope) {
    std::vector<std::string> texts;
    for (const model::DdlDropped& gone : statement.dropped) {
        const auto word = drop_words().find(gone.type);
        if (gone.original && word != drop_words().end() &&
            lies_inside(gone, scope).value_or(false)) {
            texts.push_back("DROP " + std::string(word->second) + " IF EXISTS " + gone.identity +
                            " CASCADE");
        }
    }
    return texts;
}

Plan make_plan(const model::DdlStatement& statement, const Scope& scope) {
    if (statement.kind == model::DdlKind::capture_failed) {
        return stop("the source could not capture this " + statement.tag + ": " +
                        statement.message + " (SQLSTATE " + statement.sqlstate + ")",
                    "Make the same change in the replica, then leave this one message out with "
                    "retry-setup --skip-ddl; or make a new copy.");
    }
    if (statement.kind == model::DdlKind::capture_ended) {
        return stop(
            "DDL capture ended at the source with this " + statement.tag + ": " + statement.message,
            "What was changed there since is not in the stream. Switch capture on again "
            "(SELECT ardent_ddl_capture(true)) and make the replica anew with retry-setup "
            "--resync. Or, when nothing was changed, go on with retry-setup --skip-ddl and "
            "this LSN, with capture or without.");
    }
    const SqlText sql = read_text(statement, statement.text.value_or(""));
    if (auto plan = plan_by_kind(statement, scope, sql)) {
        return *std::move(plan);
    }
    const Reach reach = reach_of(statement, scope);
    if (reach == Reach::outside) {
        return leave_out("it lies outside of what the connector carries");
    }
    if (names_nothing(statement)) {
        return leave_out("it changed nothing");
    }
    if (statement.tag == "IMPORT FOREIGN SCHEMA") {
        return {What::foreign_tables, sql.text(), {}, {}, true, false};
    }
    if (statement.rows_follow && statement.tag != "CREATE MATERIALIZED VIEW") {
        return {What::relations, sql.text(), {}, {}, false, false};
    }
    return plan_text(statement, scope, reach, sql);
}

}  // namespace ardent::replay
