// SPDX-License-Identifier: PostgreSQL
// Two definitions of one table, and the statements that lie between them.
#include "environment/replay/definitions.hpp"
#include "environment/replay/derive.hpp"
#include "environment/replay/sql_text.hpp"

#include "common/base/text.hpp"
#include "environment/replica/replica.hpp"

#include <algorithm>

namespace ardent::replay {

namespace {

using model::DdlColumn;
using model::DdlKey;
using model::DdlTable;
using pq::quote_identifier;

std::string name_of(const model::RelationName& name) {
    return pq::quote_qualified(name.schema, name.name);
}

template <class Item>
const Item* named(const std::vector<Item>& items, const std::string& name) {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Item& item) { return item.name == name; });
    return found == items.end() ? nullptr : &*found;
}

class TableDifference {
public:
    TableDifference(const model::DdlStatement& statement, const DdlTable& source,
                    const DdlTable& replica)
        : m_statement(statement),
          m_source(source),
          m_replica(replica),
          m_table((source.kind == "foreign table" ? "ALTER FOREIGN TABLE " : "ALTER TABLE ") +
                  name_of(source.relation)) {}

    std::vector<std::string> run() {
        leave_parents();
        rename_columns();
        for (const DdlColumn& column : m_source.columns) {
            const DdlColumn* const here = counterpart(column);
            if (here == nullptr) {
                say("ADD COLUMN " + column_clause(column));
            } else {
                alter_column(column, *here);
            }
        }
        keys();
        identity();
        if (m_source.persistence != m_replica.persistence) {
            say(m_source.persistence == "unlogged" ? "SET UNLOGGED" : "SET LOGGED");
        }
        enter_parents();
        const std::string owner = environment::owner_here(m_source.owner);
        if (owner != m_replica.owner && !owner.empty()) {
            say("OWNER TO " + quote_identifier(owner));
        }
        return std::move(m_texts);
    }

private:
    void say(const std::string& what) { m_texts.push_back(m_table + " " + what); }

    [[noreturn]] void give_up(const std::string& why) const {
        throw base::Error(base::ErrorKind::replica,
                          "the text of this " + m_statement.tag +
                              " could not be captured, and the definition of table " +
                              model::to_string(m_source.relation) + " does not tell it: " + why,
                          "Make the same change in the replica, then leave this one message out "
                          "with retry-setup --skip-ddl.");
    }

    const DdlColumn* counterpart(const DdlColumn& column) const {
        const auto renamed = std::find_if(m_renamed.begin(), m_renamed.end(), [&](const auto& one) {
            return one.second == column.name;
        });
        return named(m_replica.columns, renamed == m_renamed.end() ? column.name : renamed->first);
    }

    // What is gone and was not dropped has another name. It kept its place.
    void rename_columns() {
        std::vector<std::string> gone;
        for (const DdlColumn& column : m_replica.columns) {
            if (named(m_source.columns, column.name) == nullptr) {
                gone.push_back(column.name);
            }
        }
        if (gone.empty()) {
            return;
        }
        const auto place = [&](const std::string& name) {
            return static_cast<std::size_t>(named(m_replica.columns, name) -
                                            m_replica.columns.data());
        };
        const std::size_t at = place(gone[0]);
        const bool one = gone.size() == 1 && at < m_source.columns.size() &&
                         named(m_replica.columns, m_source.columns[at].name) == nullptr;
        if (!one) {
            give_up("column " + base::join(gone, ", ") +
                    " of the replica is not there, and was not dropped");
        }
        m_renamed.emplace_back(gone[0], m_source.columns[at].name);
        say("RENAME COLUMN " + quote_identifier(gone[0]) + " TO " +
            quote_identifier(m_source.columns[at].name));
    }

    void alter_column(const DdlColumn& column, const DdlColumn& here) {
        const std::string start = "ALTER COLUMN " + quote_identifier(column.name) + " ";
        const bool retyped = column.type != here.type || column.collation != here.collation;
        const bool generated = !column.generated.empty() || !here.generated.empty();
        bool had_default = !here.expression.empty() && !generated;
        if (retyped) {
            if (had_default) {
                say(start + "DROP DEFAULT");
                had_default = false;
            }
            say(start + "TYPE " + column.type +
                (column.collation.empty() ? "" : " COLLATE " + column.collation));
        }
        if (generated) {
            alter_generated(column, here, start);
        } else if (!column.expression.empty() &&
                   (retyped || column.expression != here.expression)) {
            say(start + "SET DEFAULT " + column.expression);
        } else if (column.expression.empty() && had_default) {
            say(start + "DROP DEFAULT");
        }
        // an identity is not null before it is one, and may be null again after it was one
        if (column.not_null && !here.not_null) {
            say(start + "SET NOT NULL");
        }
        alter_identity(column, here, start);
        if (!column.not_null && here.not_null) {
            say(start + "DROP NOT NULL");
        }
    }

    void alter_generated(const DdlColumn& column, const DdlColumn& here, const std::string& start) {
        if (column.generated == here.generated) {
            if (column.expression != here.expression) {
                say(start + "SET EXPRESSION AS (" + column.expression + ")");
            }
        } else if (column.generated.empty()) {
            say(start + "DROP EXPRESSION");
            if (!column.expression.empty()) {
                say(start + "SET DEFAULT " + column.expression);
            }
        } else {
            give_up("column " + column.name + " became a generated one");
        }
    }

    void alter_identity(const DdlColumn& column, const DdlColumn& here, const std::string& start) {
        const std::string word = column.identity == "always" ? "ALWAYS" : "BY DEFAULT";
        if (column.identity == here.identity) {
            return;
        }
        if (column.identity.empty()) {
            say(start + "DROP IDENTITY");
        } else if (here.identity.empty()) {
            say(start + "ADD GENERATED " + word + " AS IDENTITY");
        } else {
            say(start + "SET GENERATED " + word);
        }
    }

    // Its columns as the replica called them.
    DdlKey as_source(DdlKey key, const std::string& name) const {
        key.name = name;
        for (auto& column : key.columns) {
            for (const auto& [before, after] : m_renamed) {
                column = column == before ? after : column;
            }
        }
        return key;
    }

    bool same_but_identity(const DdlKey& here, const DdlKey& there, bool but_primary) const {
        DdlKey key = as_source(here, there.name);
        key.replica_identity = there.replica_identity;
        key.primary = but_primary ? there.primary : key.primary;
        return key == there;
    }

    void keys() {
        std::vector<const DdlKey*> free;
        for (const DdlKey& here : m_replica.keys) {
            const DdlKey* const there = named(m_source.keys, here.name);
            if (there == nullptr) {
                free.push_back(&here);
            } else if (!same_but_identity(here, *there, false)) {
                give_up("key " + here.name + " is another one");
            }
        }
        for (const DdlKey& key : m_source.keys) {
            if (named(m_replica.keys, key.name) == nullptr) {
                new_key(key, free);
            }
        }
        if (!free.empty()) {
            give_up("key " + free[0]->name + " of the replica is not there, and was not dropped");
        }
    }

    void new_key(const DdlKey& key, std::vector<const DdlKey*>& free) {
        const auto same = std::find_if(free.begin(), free.end(), [&](const DdlKey* here) {
            return same_but_identity(*here, key, true);
        });
        if (same != free.end()) {
            const std::string index = pq::quote_qualified(m_source.relation.schema, (*same)->name);
            const bool renamed = (*same)->primary == key.primary && !adds_constraint();
            if (renamed) {
                m_texts.push_back("ALTER INDEX " + index + " RENAME TO " +
                                  quote_identifier(key.name));
            } else {
                say("ADD CONSTRAINT " + quote_identifier(key.name) +
                    (key.primary ? " PRIMARY KEY" : " UNIQUE") + " USING INDEX " +
                    quote_identifier((*same)->name));
            }
            free.erase(same);
            return;
        }
        make_key(key);
    }

    // A key's index that gets another name in ALTER TABLE of the table itself became a constraint.
    bool adds_constraint() const {
        return m_statement.tag == "ALTER TABLE" &&
               std::none_of(m_statement.objects.begin(), m_statement.objects.end(),
                            [](const auto& object) { return object.type == "table constraint"; });
    }

    void make_key(const DdlKey& key) {
        std::vector<std::string> columns;
        for (const auto& column : key.columns) {
            if (!column) {
                give_up("key " + key.name + " has an expression");
            }
            columns.push_back(quote_identifier(*column));
        }
        if (key.partial || !key.valid) {
            give_up("key " + key.name + " is partial, or not valid");
        }
        const std::string nulls = key.nulls_not_distinct ? "NULLS NOT DISTINCT " : "";
        const std::string list = "(" + base::join(columns, ", ") + ")";
        if (m_statement.tag == "CREATE INDEX") {
            m_texts.push_back("CREATE UNIQUE INDEX " + quote_identifier(key.name) + " ON " +
                              name_of(m_source.relation) + " " + list +
                              (nulls.empty() ? "" : " " + nulls));
            return;
        }
        say("ADD CONSTRAINT " + quote_identifier(key.name) +
            (key.primary ? " PRIMARY KEY " : " UNIQUE " + nulls) + list +
            (key.immediate ? "" : " DEFERRABLE"));
    }

    void identity() {
        const auto index_of = [](const DdlTable& table) {
            const auto found = std::find_if(table.keys.begin(), table.keys.end(),
                                            [](const DdlKey& key) { return key.replica_identity; });
            return found == table.keys.end() ? std::string() : found->name;
        };
        const std::string index = index_of(m_source);
        if (m_source.replica_identity == m_replica.replica_identity &&
            index == index_of(m_replica)) {
            return;
        }
        if (m_source.replica_identity == "index" && !index.empty()) {
            say("REPLICA IDENTITY USING INDEX " + quote_identifier(index));
        } else if (m_source.replica_identity != "index" && !m_source.replica_identity.empty()) {
            say("REPLICA IDENTITY " + m_source.replica_identity);
        }
    }

    void leave_parents() {
        const auto& parent = m_replica.partition_of;
        if (parent && (m_source.partition_of != parent ||
                       m_source.partition_bound != m_replica.partition_bound)) {
            m_texts.push_back("ALTER TABLE " + name_of(*parent) + " DETACH PARTITION " +
                              name_of(m_source.relation));
        }
        for (const model::RelationName& one : m_replica.inherits) {
            if (std::find(m_source.inherits.begin(), m_source.inherits.end(), one) ==
                m_source.inherits.end()) {
                say("NO INHERIT " + name_of(one));
            }
        }
    }

    void enter_parents() {
        const auto& parent = m_source.partition_of;
        if (parent && (m_replica.partition_of != parent ||
                       m_source.partition_bound != m_replica.partition_bound)) {
            m_texts.push_back("ALTER TABLE " + name_of(*parent) + " ATTACH PARTITION " +
                              name_of(m_source.relation) + " " + m_source.partition_bound);
        }
        for (const model::RelationName& one : m_source.inherits) {
            if (std::find(m_replica.inherits.begin(), m_replica.inherits.end(), one) ==
                m_replica.inherits.end()) {
                say("INHERIT " + name_of(one));
            }
        }
    }

    const model::DdlStatement& m_statement;
    const DdlTable& m_source;
    const DdlTable& m_replica;
    std::string m_table;
    std::vector<std::pair<std::string, std::string>> m_renamed;
    std::vector<std::string> m_texts;
};

}  // namespace

std::vector<std::string> alter_statements(const model::DdlStatement& statement,
                                          const model::DdlTable& source,
                                          const model::DdlTable& replica) {
    return TableDifference(statement, source, replica).run();
}

}  // namespace ardent::replay
