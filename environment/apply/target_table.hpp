// SPDX-License-Identifier: PostgreSQL
// The replica's tables, as far as writing rows into them depends on it. Read once per session.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

struct TargetColumn {
    std::string name;  // in the server's encoding, like all text here
    std::string quoted;
    std::string type;      // pg_catalog.format_type(atttypid, -1): what a parameter is cast to
    char delimiter = ',';  // pg_type.typdelim, between the elements of an array of this type
    bool text_elements =
        false;  // arrays are passed as text[] and cast one by one (unnest opens composites)
    bool not_null = false;
    bool generated = false;
    bool identity_always = false;
    bool bytea = false;  // exactly bytea: wal2json leaves out the \x
    bool may_be_nan =
        false;  // exactly float4, float8 or numeric: wal2json says null for NaN and infinities
    bool exact_equality = false;  // equal values have equal text, and the other way round
    bool key = false;
    /// How a key column is compared: as the identity's index does. An operator with its schema, and a collation
    /// where the index has another one than the column.
    std::string equality = "=";
    std::string collation;
};

struct TargetTable {
    model::RelationName relation;
    std::string sql_name;  // quoted
    std::string shown_name;
    char kind = 'r';
    bool full = false;          // REPLICA IDENTITY FULL
    bool exact_key = false;     // every key column has exact equality
    bool other_unique = false;  // a unique or exclusion index beside the identity
    bool has_children = false;  // by plain inheritance
    bool followed =
        true;  // not a materialized view nor an extension's: those have rows of their own
    std::vector<TargetColumn> columns;
    std::vector<int> key;       // places in `columns`, in attnum order; empty without an identity
    std::vector<int> writable;  // all but generated ones
    std::vector<int> fixed;     // GENERATED ALWAYS AS IDENTITY beside the key: cannot be in SET

    /// The place of a column, -1 when there is none. `hint` is where it probably is.
    int find(std::string_view column, std::size_t hint) const noexcept;
};

class TargetTables {
public:
    TargetTables() = default;
    /// All ordinary and partitioned tables and materialized views of the database that are not the system's or Ardent's.
    explicit TargetTables(pq::Connection& connection);

    void add(TargetTable table);
    /// nullptr when the replica has no such table. Pointers stay valid as long as this object lives.
    const TargetTable* find(std::string_view schema, std::string_view name) const noexcept;

private:
    struct Less {
        using is_transparent = void;
        using View = std::pair<std::string_view, std::string_view>;
        static View view(const model::RelationName& name) { return {name.schema, name.name}; }
        static View view(const View& name) { return name; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return view(a) < view(b);
        }
    };
    std::map<model::RelationName, TargetTable, Less> m_tables;
};

/// Derives quoted names, places and flags of the whole table from its columns.
void complete(TargetTable& table);

}  // namespace ardent::apply
