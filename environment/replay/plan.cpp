// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/plan.hpp"

#include "environment/replay/sql_text.hpp"

#include "common/base/text.hpp"

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

// The schema in "public.t" or in "p on public.t"; nullopt when there is none.
std::optional<std::string> schema_of_identity(const std::string& type,
                                              const std::string& identity) {
    const SqlText parts(identity, true);
    const std::vector<Token>& tokens = parts.tokens();
    std::size_t place = 0;
    if (type == "trigger" || type == "policy" || type == "rule" || type == "table constraint") {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            place = tokens[i].is("on") ? i + 1 : place;
        }
    }
    if (type == "schema") {
        return tokens.empty() ? std::nullopt : std::optional(tokens[0].text);
    }
    if (place + 1 < tokens.size() && tokens[place].name() && tokens[place + 1].symbol('.')) {
        return tokens[place].text;
    }
    return std::nullopt;
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
    const auto table = gone.type == "table" ? model::parse_relation(gone.identity) : std::nullopt;
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

// Relations say it best: one that is excluded lies in a schema that is carried.
Reach reach_of(const model::DdlStatement& statement, const Scope& scope) {
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
        return Plan{What::run, sql.text(), {}, {}, true, false};
    }
    return std::nullopt;
}

bool is_extension(const model::DdlStatement& statement) {
    return statement.tag == "CREATE EXTENSION" || statement.tag == "ALTER EXTENSION" ||
           statement.tag == "DROP EXTENSION";
}

// What neither reach nor text has a say in.
std::optional<Plan> plan_by_kind(const model::DdlStatement& statement, const SqlText& sql) {
    if (is_extension(statement)) {
        return Plan{What::extension, sql.text(), {}, {}, true, false};
    }
    if (auto plan = plan_server(statement, sql)) {
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

Plan make_plan(const model::DdlStatement& statement, const Scope& scope) {
    if (statement.kind == model::DdlKind::capture_failed) {
        return stop("the source could not capture this " + statement.tag + ": " +
                        statement.message + " (SQLSTATE " + statement.sqlstate + ")",
                    "Make the same change in the replica, then leave this one message out with "
                    "retry-setup --skip-ddl; or make a new copy.");
    }
    const SqlText sql = read_text(statement, statement.text.value_or(""));
    if (auto plan = plan_by_kind(statement, sql)) {
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
