// SPDX-License-Identifier: PostgreSQL
#include "environment/apply/statements.hpp"

#include "common/base/text.hpp"

#include <algorithm>

namespace ardent::apply::sql {

namespace {

using Parts = std::vector<std::string>;

std::string parameter(std::size_t place, const TargetColumn& column) {
    return "$" + std::to_string(place) + "::" + column.type;
}

const TargetColumn& at(const TargetTable& table, int place) {
    return table.columns[static_cast<std::size_t>(place)];
}

Parts quoted(const TargetTable& table, const Places& places) {
    Parts names;
    for (const int place : places) {
        names.push_back(at(table, place).quoted);
    }
    return names;
}

std::string list(const Parts& parts) {
    return base::join(parts, ", ");
}

/// "SET a = $1::int4, ..."; `place` goes on counting.
std::string set_list(const TargetTable& table, const Places& set, std::size_t& place) {
    Parts parts;
    for (const int column : set) {
        parts.push_back(at(table, column).quoted + " = " + parameter(++place, at(table, column)));
    }
    return list(parts);
}

Places identifying(const TargetTable& table) {
    Places places = table.key;
    places.insert(places.end(), table.fixed.begin(), table.fixed.end());
    return places;
}

std::string key_side(const TargetColumn& column) {
    return column.quoted + column.collation + " " + column.equality + " ";
}

std::string equals(const TargetTable& table, const Places& places, std::size_t place) {
    Parts parts;
    for (const int column : places) {
        parts.push_back(key_side(at(table, column)) + parameter(++place, at(table, column)));
    }
    return base::join(parts, " AND ");
}

/// Equal in value and in text, NULL equal to NULL. A plain = where that is the same: an index may serve it.
std::string same_value(const TargetColumn& column, std::size_t place) {
    const std::string value = parameter(place, column);
    if (!column.exact_equality) {
        return column.quoted + "::pg_catalog.text IS NOT DISTINCT FROM (" + value +
               ")::pg_catalog.text";
    }
    return column.quoted + (column.not_null ? " = " : " IS NOT DISTINCT FROM ") + value;
}

std::string one_of(const TargetTable& table, const Places& compared, std::size_t place) {
    Parts parts;
    for (const int column : compared) {
        parts.push_back(same_value(at(table, column), ++place));
    }
    return "ctid = (SELECT ctid FROM ONLY " + table.sql_name +
           (parts.empty() ? "" : " WHERE " + base::join(parts, " AND ")) + " LIMIT 1)";
}

/// (SELECT unnest($1::int4[]) AS c1, unnest($2::text[]) AS c2) AS v: the arrays side by side, a row an element.
/// In the select list they are read as they go; in ROWS FROM each would be written into a store first.
std::string arrays(const TargetTable& table, const Places& places) {
    Parts columns;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const TargetColumn& column = at(table, places[i]);
        const std::string number = std::to_string(i + 1);
        columns.push_back("pg_catalog.unnest($" + number +
                          "::" + (column.text_elements ? "pg_catalog.text" : column.type) +
                          "[]) AS c" + number);
    }
    return "(SELECT " + list(columns) + ") AS v";
}

std::string element(const TargetColumn& column, std::size_t place) {
    return "v.c" + std::to_string(place) + (column.text_elements ? "::" + column.type : "");
}

std::string equals_elements(const TargetTable& table, const Places& places, std::size_t place) {
    Parts parts;
    for (const int column : places) {
        ++place;
        parts.push_back("t." + key_side(at(table, column)) + element(at(table, column), place));
    }
    return base::join(parts, " AND ");
}

}  // namespace

std::string copy(const TargetTable& table) {
    return "COPY " + table.sql_name + " (" + list(quoted(table, table.writable)) + ") FROM STDIN";
}

std::string insert(const TargetTable& table) {
    if (table.writable.empty()) {
        return "INSERT INTO " + table.sql_name + " DEFAULT VALUES";
    }
    Parts values;
    for (std::size_t i = 0; i < table.writable.size(); ++i) {
        values.push_back(parameter(i + 1, at(table, table.writable[i])));
    }
    return "INSERT INTO " + table.sql_name + " (" + list(quoted(table, table.writable)) +
           ") OVERRIDING SYSTEM VALUE VALUES (" + list(values) + ")";
}

Places settable(const TargetTable& table, const Places& present, bool with_key) {
    Places set;
    for (const int place : present) {
        const TargetColumn& column = at(table, place);
        if (!column.generated && !column.identity_always && (with_key || !column.key)) {
            set.push_back(place);
        }
    }
    if (set.empty() && !table.key.empty()) {
        const TargetColumn& column = at(table, table.key[0]);
        if (!column.generated && !column.identity_always) {
            set.push_back(table.key[0]);
        }
    }
    return set;
}

std::string update(const TargetTable& table, const Places& set) {
    if (set.empty()) {
        return "SELECT FROM ONLY " + table.sql_name + " WHERE " +
               equals(table, identifying(table), 0);
    }
    std::size_t place = 0;
    const std::string assignments = set_list(table, set, place);
    return "UPDATE ONLY " + table.sql_name + " SET " + assignments + " WHERE " +
           equals(table, identifying(table), place);
}

std::string remove(const TargetTable& table) {
    return "DELETE FROM ONLY " + table.sql_name + " WHERE " + equals(table, table.key, 0);
}

std::string update_full(const TargetTable& table, const Places& set, const Places& compared) {
    if (set.empty()) {
        return "SELECT FROM ONLY " + table.sql_name + " WHERE " + one_of(table, compared, 0);
    }
    std::size_t place = 0;
    const std::string assignments = set_list(table, set, place);
    return "UPDATE ONLY " + table.sql_name + " SET " + assignments + " WHERE " +
           one_of(table, compared, place);
}

std::string remove_full(const TargetTable& table, const Places& compared) {
    return "DELETE FROM ONLY " + table.sql_name + " WHERE " + one_of(table, compared, 0);
}

std::string replace(const TargetTable& table, const Places& present) {
    Parts values;
    std::size_t place = 0;
    for (const int column : present) {
        if (!at(table, column).generated) {
            values.push_back(parameter(++place, at(table, column)));
        }
    }
    Parts columns;
    std::size_t next = 0;
    Parts sources;
    for (const int column : table.writable) {
        const bool is_new = std::find(present.begin(), present.end(), column) != present.end();
        columns.push_back(at(table, column).quoted);
        sources.push_back(is_new ? values[next++] : "o." + at(table, column).quoted);
    }
    return "WITH o AS (DELETE FROM ONLY " + table.sql_name + " WHERE " +
           equals(table, table.key, place) + " RETURNING *) INSERT INTO " + table.sql_name + " (" +
           list(columns) + ") OVERRIDING SYSTEM VALUE SELECT " + list(sources) + " FROM o";
}

std::string update_many(const TargetTable& table, const Places& set) {
    const Places by = identifying(table);
    Places all = set;
    all.insert(all.end(), by.begin(), by.end());
    const std::string values = arrays(table, all) + " ";
    const std::string where = "WHERE " + equals_elements(table, by, set.size());
    if (set.empty()) {
        return "SELECT FROM ONLY " + table.sql_name + " AS t, " + values + where;
    }
    Parts assignments;
    for (std::size_t i = 0; i < set.size(); ++i) {
        assignments.push_back(at(table, set[i]).quoted + " = " + element(at(table, set[i]), i + 1));
    }
    return "UPDATE ONLY " + table.sql_name + " AS t SET " + list(assignments) + " FROM " + values +
           where;
}

std::string remove_many(const TargetTable& table) {
    return "DELETE FROM ONLY " + table.sql_name + " AS t USING " + arrays(table, table.key) +
           " WHERE " + equals_elements(table, table.key, 0);
}

std::string missing_key(const TargetTable& table) {
    return "SELECT n.place - 1 FROM (SELECT pg_catalog.row_number() OVER () AS place, v.* FROM " +
           arrays(table, table.key) + ") AS n WHERE NOT EXISTS (SELECT FROM ONLY " +
           table.sql_name + " AS t, LATERAL (SELECT n.*) AS v WHERE " +
           equals_elements(table, table.key, 0) + ") ORDER BY n.place LIMIT 1";
}

std::string truncate(const std::vector<const TargetTable*>& tables) {
    Parts names;
    for (const TargetTable* const table : tables) {
        names.push_back((table->has_children ? "ONLY " : "") + table->sql_name);
    }
    return "TRUNCATE " + list(names);
}

std::string empty(const TargetTable& table) {
    return "DELETE FROM ONLY " + table.sql_name;
}

}  // namespace ardent::apply::sql
