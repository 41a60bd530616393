// SPDX-License-Identifier: PostgreSQL
// What a table looks like, as far as carrying its rows exactly depends on it, and the types of its
// columns. The agent reads it from the source's catalogs, the environment from the replica's; equal
// values mean rows fit. Only what a dump and its restore leave as it is: expressions are not in
// here, for they are printed differently once they were dumped. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::model {

struct RelationName {
    std::string schema;
    std::string name;

    auto operator<=>(const RelationName&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// schema.name with each part quoted where an SQL identifier needs it: for people and messages.
std::string to_string(const RelationName& relation);
/// Reads schema.name, each part plain or in double quotes with doubled quotes inside; nothing is
/// folded to lower case. nullopt for anything else.
std::optional<RelationName> parse_relation(std::string_view text);

/// GENERATED ALWAYS AS (…), as the letters of pg_attribute.attgenerated, a space for none.
enum class Generated : char { no = ' ', stored = 's', virtually = 'v' };

struct ColumnDefinition {
    std::string name;
    std::string type;  // pg_catalog.format_type(atttypid, atttypmod)
    bool not_null = false;
    Generated generated = Generated::no;
    char identity = ' ';  // 'a' always, 'd' by default, ' ' none (pg_attribute.attidentity)

    /// Rows have a value of it, and a copy carries it.
    bool stored() const noexcept { return generated != Generated::virtually; }

    bool operator==(const ColumnDefinition&) const = default;
};

struct TableDefinition {
    RelationName relation;
    char kind = 'r';              // pg_class.relkind: 'r' table, 'p' partitioned table
    char replica_identity = 'd';  // pg_class.relreplident: 'd', 'n', 'f', 'i'
    std::vector<std::string>
        identity_columns;                   // of the key that identifies rows; empty: none or FULL
    std::vector<ColumnDefinition> columns;  // in attnum order, dropped ones left out
    std::vector<RelationName> parents =
        {};                            // of a partition, or by INHERITS (pg_inherits.inhseqno)
    std::string partition_bound = {};  // "FOR VALUES …" or "DEFAULT"; empty: no partition
    std::string partition_key = {};    // "RANGE (\"day\")"; empty: not partitioned

    bool operator==(const TableDefinition&) const = default;
};

/// A type that no extension and not the server itself owns. Types inside it are definitions of
/// their own.
struct TypeDefinition {
    RelationName name;
    std::string
        definition;  // "ENUM ('sad', 'ok')", "(\"a\" integer)", "DOMAIN OVER integer", "RANGE OF date"

    bool operator==(const TypeDefinition&) const = default;
};

struct Definitions {
    std::vector<TableDefinition> tables;
    std::vector<TypeDefinition> types;  // what the tables' columns are made of, ordered by name
};

/// One sentence that names the first difference, with both sides; empty when equal. The order of
/// columns does not count in a table with inherited ones: a dump puts those first.
std::string describe_difference(const TableDefinition& source, const TableDefinition& replica);
std::string describe_difference(const TypeDefinition& source, const TypeDefinition& replica);

}  // namespace ardent::model
