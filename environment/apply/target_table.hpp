// SPDX-License-Identifier: PostgreSQL
// The replica's tables, as far as writing rows into them depends on it. Read at the session's
// start, and after DDL one by one, when a row comes: a statement may change tables that it does not
// name (by a type, by CASCADE), and reading all of a large schema after each of a thousand
// statements takes longer than they do.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::apply {

struct TargetColumn {
    std::string name;         // in the server's encoding, like all text here
    int number = 0;           // pg_attribute.attnum
    bool not_null = false;    // and no row breaks it
    bool is_virtual = false;  // GENERATED ALWAYS AS (…) VIRTUAL: rows have no value of it
    bool bytea = false;       // exactly bytea: wal2json leaves out the \x
    bool may_be_nan =
        false;  // exactly float4, float8 or numeric: wal2json says null for NaN and infinities
    bool exact_equality = false;  // equal values have equal text, and the other way round
    bool key = false;
};

struct TargetTable {
    model::RelationName relation;
    std::string oid;
    std::string owner;
    std::string shown_name;
    bool full = false;          // REPLICA IDENTITY FULL
    bool exact_key = false;     // every key column has exact equality
    bool other_unique = false;  // a unique or exclusion index beside the identity
    bool followed =
        true;  // not a materialized view nor an extension's: those have rows of their own
    std::vector<TargetColumn> columns;
    std::vector<int> key;     // places in `columns`, in attnum order; empty without an identity
    std::vector<int> stored;  // all but virtual ones
    std::vector<int>
        identity;  // what a change tells of the old row: the key, or all stored columns under FULL
    std::string identity_numbers;  // "{1,2}": the columns' numbers
    std::string stored_numbers;

    /// The place of a column, -1 when there is none. `hint` is where it probably is.
    int find(std::string_view column, std::size_t hint) const noexcept;
};

class TargetTables {
public:
    TargetTables() = default;
    /// All ordinary and partitioned tables and materialized views of the database that are not the
    /// system's or Ardent's.
    explicit TargetTables(pq::Connection& connection);

    void add(TargetTable table);
    /// Of none of them is anything known any more. Pointers to them are invalid.
    void forget();
    /// `find` tells nothing of the table before `read`.
    bool is_forgotten(std::string_view schema, std::string_view name) const;
    void read(pq::Connection& connection, const model::RelationName& relation);
    /// nullptr when the replica has no such table. Pointers stay valid as long as this object
    /// lives.
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
    void add_all(const pq::Result& columns, const pq::Result& own_types);

    std::map<model::RelationName, TargetTable, Less> m_tables;
    bool m_forgotten = false;  // but for those in `m_read`
    std::set<model::RelationName, Less> m_read;
};

/// Derives places, numbers and flags of the whole table from its columns.
void complete(TargetTable& table);

/// Takes out all rows as readers like it: they keep the old ones until the commit, which TRUNCATE
/// would not let them.
std::string delete_all_sql(const TargetTable& table);

}  // namespace ardent::apply
