// SPDX-License-Identifier: PostgreSQL
#include "environment/replay/derive.hpp"

#include "environment/replay/definitions.hpp"
#include "environment/replay/drops.hpp"
#include "environment/replay/sql_text.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace ardent::replay {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::array<std::string_view, 5> k_tags = {"CREATE TABLE", "CREATE SCHEMA", "CREATE INDEX",
                                                    "ALTER TABLE", "ALTER INDEX"};
// What a definition or an identity tells all of, and what comes with a table.
constexpr std::array<std::string_view, 4> k_makeable = {"schema", "table", "sequence", "index"};

[[noreturn]] void not_told(const model::DdlStatement& statement, const std::string& why) {
    throw Error(
        ErrorKind::replica,
        "the text of this " + statement.tag +
            " could not be captured, and its message does not tell enough to make it: " + why,
        "Make the same change in the replica, then leave this one message out with "
        "retry-setup --skip-ddl.");
}

std::string quoted(const model::RelationName& name) {
    return pq::quote_qualified(name.schema, name.name);
}

// The sequence whose values a default takes: nextval('public.t_id_seq'::regclass).
std::optional<std::string> sequence_of(const model::DdlColumn& column) {
    const SqlText text(column.expression, true);
    const std::vector<Token>& tokens = text.tokens();
    if (tokens.size() < 3 || !tokens[0].is("nextval") || tokens[2].kind != TokenKind::string) {
        return std::nullopt;
    }
    std::string name;
    const std::string& literal = tokens[2].text;
    for (std::size_t i = 1; i + 1 < literal.size(); ++i) {
        name += literal[i];
        i += literal[i] == '\'' ? 1 : 0;
    }
    return name;
}

bool creates_sequence(const model::DdlStatement& statement, const std::string& identity) {
    return std::any_of(statement.objects.begin(), statement.objects.end(), [&](const auto& object) {
        return object.type == "sequence" && object.identity == identity &&
               object.command == "CREATE SEQUENCE";
    });
}

bool is_created(const model::DdlStatement& statement, const model::DdlTable& table) {
    return std::any_of(statement.objects.begin(), statement.objects.end(), [&](const auto& object) {
        return model::parse_relation(object.identity) == table.relation &&
               object.command.starts_with("CREATE ");
    });
}

// The name of a table's part in "public.t.c" or "c on public.t", and of the table.
struct Part {
    std::string name;
    std::string table;
};

std::optional<Part> part_of(const model::DdlDropped& gone) {
    const SqlText identity(gone.identity, true);
    const std::vector<Token>& tokens = identity.tokens();
    if (gone.type == "table column" && tokens.size() == 5) {
        return Part{tokens[4].text, pq::quote_qualified(tokens[0].text, tokens[2].text)};
    }
    if (gone.type == "table constraint" && tokens.size() == 5 && tokens[1].is("on")) {
        return Part{tokens[0].text, pq::quote_qualified(tokens[2].text, tokens[4].text)};
    }
    return std::nullopt;
}

// Parents first: what is done to them is done to their children.
std::vector<const model::DdlTable*> by_depth(const model::DdlStatement& statement) {
    std::map<model::RelationName, const model::DdlTable*> all;
    for (const model::DdlTable& table : statement.tables) {
        all.emplace(table.relation, &table);
    }
    std::vector<std::pair<std::size_t, const model::DdlTable*>> sorted;
    for (const model::DdlTable& table : statement.tables) {
        std::size_t depth = 0;
        const model::DdlTable* at = &table;
        while (at != nullptr && depth <= all.size()) {
            const auto parent = at->partition_of       ? all.find(*at->partition_of)
                                : at->inherits.empty() ? all.end()
                                                       : all.find(at->inherits[0]);
            at = parent == all.end() ? nullptr : parent->second;
            ++depth;
        }
        sorted.emplace_back(depth, &table);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<const model::DdlTable*> tables;
    for (const auto& [depth, table] : sorted) {
        tables.push_back(table);
    }
    return tables;
}

}  // namespace

void Derivation::replay(const model::DdlStatement& statement) {
    if (statement.tag == "REFRESH MATERIALIZED VIEW") {
        for (const model::DdlObject& object : statement.objects) {
            run("REFRESH MATERIALIZED VIEW " + object.identity);
        }
        return;
    }
    if (std::find(k_tags.begin(), k_tags.end(), statement.tag) == k_tags.end()) {
        not_told(statement, "a " + statement.tag + " has more to it than definitions tell");
    }
    for (const model::DdlObject& object : statement.objects) {
        const bool column = object.type == "table column" || object.type == "table constraint";
        if (!column &&
            std::find(k_makeable.begin(), k_makeable.end(), object.type) == k_makeable.end()) {
            not_told(statement, object.type + " " + object.identity +
                                    " has more to it than its identity tells");
        }
    }
    const Drops drops(m_connection, m_scope);
    create(statement);
    drop_parts(statement);
    alter(statement);
    own_sequences(statement);
    if (!m_ran) {
        not_told(statement, "nothing that its definitions tell has changed");
    }
    require_made(statement);
    drops.require_recorded(statement);
}

void Derivation::run(const std::string& text) {
    m_run(text);
    m_ran = true;
}

bool Derivation::exists(const std::string& sql, std::initializer_list<pq::Value> parameters) {
    return m_connection.exec(sql, parameters).rows() > 0;
}

void Derivation::create(const model::DdlStatement& statement) {
    for (const model::DdlObject& object : statement.objects) {
        if (object.type == "schema" && object.command == "CREATE SCHEMA") {
            run("CREATE SCHEMA " + object.identity);
        }
    }
    for (const model::DdlTable* const table : by_depth(statement)) {
        if (!carries(m_scope, table->relation)) {
            continue;
        }
        for (const model::DdlColumn& column : table->columns) {
            const auto sequence = sequence_of(column);
            if (sequence && creates_sequence(statement, *sequence)) {
                run("CREATE SEQUENCE " + *sequence + " AS " + column.type);
            }
        }
        if (!is_created(statement, *table)) {
            continue;
        }
        if (table->kind == "table" || table->kind == "partitioned table") {
            create_table(statement, *table);
        }
    }
}

void Derivation::create_table(const model::DdlStatement& statement, const model::DdlTable& table) {
    std::vector<std::string> inherited;
    std::vector<std::string> parents;
    for (const model::RelationName& parent : table.inherits) {
        parents.push_back(quoted(parent));
        const auto here = read_definition(m_connection, parent, m_encoding);
        if (!here) {
            not_told(statement, "its parent " + model::to_string(parent) + " is not here");
        }
        for (const model::DdlColumn& column : here->columns) {
            inherited.push_back(column.name);
        }
    }
    std::vector<std::string> columns;
    for (const model::DdlColumn& column : table.columns) {
        if (std::find(inherited.begin(), inherited.end(), column.name) == inherited.end()) {
            columns.push_back(column_clause(column));
        }
    }
    run(std::string("CREATE ") + (table.persistence == "unlogged" ? "UNLOGGED " : "") + "TABLE " +
        quoted(table.relation) +
        (table.partition_of
             ? " PARTITION OF " + quoted(*table.partition_of) + " " + table.partition_bound
             : " (" + base::join(columns, ", ") + ")") +
        (parents.empty() ? "" : " INHERITS (" + base::join(parents, ", ") + ")") +
        (table.partition_key.empty() ? "" : " PARTITION BY " + table.partition_key));
}

void Derivation::own_sequences(const model::DdlStatement& statement) {
    for (const model::DdlTable& table : statement.tables) {
        for (const model::DdlColumn& column : table.columns) {
            const auto sequence = sequence_of(column);
            if (sequence && carries(m_scope, table.relation) &&
                creates_sequence(statement, *sequence)) {
                run("ALTER SEQUENCE " + *sequence + " OWNED BY " + quoted(table.relation) + "." +
                    pq::quote_identifier(column.name));
            }
        }
    }
}

void Derivation::drop_parts(const model::DdlStatement& statement) {
    const bool cascade = std::any_of(statement.dropped.begin(), statement.dropped.end(),
                                     [](const auto& gone) { return !gone.original; });
    for (const model::DdlDropped& gone : statement.dropped) {
        const auto part = gone.original ? part_of(gone) : std::nullopt;
        if (!part) {
            continue;
        }
        const bool column = gone.type == "table column";
        // a child has lost it with its parent
        const bool here =
            column ? exists(
                         "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = "
                         "pg_catalog.to_regclass($1) AND attname = $2 AND NOT attisdropped",
                         {part->table, part->name})
                   : exists(
                         "SELECT FROM pg_catalog.pg_constraint WHERE conrelid = "
                         "pg_catalog.to_regclass($1) AND conname = $2",
                         {part->table, part->name});
        if (here) {
            run("ALTER TABLE " + part->table + " DROP " + (column ? "COLUMN " : "CONSTRAINT ") +
                pq::quote_identifier(part->name) + (cascade ? " CASCADE" : ""));
        }
    }
}

void Derivation::alter(const model::DdlStatement& statement) {
    for (const model::DdlTable* const table : by_depth(statement)) {
        if (!carries(m_scope, table->relation)) {
            continue;
        }
        const auto here = read_definition(m_connection, table->relation, m_encoding);
        if (!here) {
            not_told(statement, "there is no table " + model::to_string(table->relation) +
                                    " here; it may have had another name or schema");
        }
        require_no_new_values(statement, *table, *here);
        for (const std::string& text : alter_statements(statement, *table, *here)) {
            run(text);
        }
    }
}

// ALTER COLUMN … TYPE … USING: the stream has neither the expression nor its values.
void Derivation::require_no_new_values(const model::DdlStatement& statement,
                                       const model::DdlTable& table, const model::DdlTable& here) {
    const model::DdlRewrite* const rewrite = model::rewrite_of(statement, table.relation);
    if (rewrite != nullptr && model::has_reason(*rewrite, "column_type") && here.kind == "table" &&
        m_connection.value("SELECT EXISTS (SELECT FROM ONLY " + quoted(table.relation) + ")") ==
            "t") {
        not_told(statement,
                 "a column of table " + model::to_string(table.relation) +
                     " got another type, and how its values were converted is not known");
    }
}

void Derivation::require_made(const model::DdlStatement& statement) {
    for (const model::DdlObject& object : statement.objects) {
        const bool relation =
            object.type == "table" || object.type == "index" || object.type == "sequence";
        const auto name = model::parse_relation(object.identity);
        if (relation && name && carries(m_scope, *name) &&
            m_connection.value("SELECT pg_catalog.to_regclass($1)", {object.identity}) ==
                std::nullopt) {
            not_told(statement, object.type + " " + object.identity + " could not be made of it");
        }
    }
}

}  // namespace ardent::replay
