// SPDX-License-Identifier: PostgreSQL
// One DDL statement of the source as its message tells it (docs/ddl.md, "The body"). Values and
// pure lookups; any thread. Texts are bytes in the source server's encoding.
#pragma once

#include "common/model/table_definition.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::model {

struct DdlObject {
    std::string type;  // as pg_event_trigger_ddl_commands() says it: "table", "policy", …
    std::optional<std::string> schema;
    std::string identity;  // quoted where SQL needs it
    std::string command;   // tag of the sub-command
    bool invalid = false;  // an index that CONCURRENTLY left unfinished; no message told of it
};

struct DdlDropped {
    std::string type;
    std::optional<std::string> schema;
    std::string identity;
    bool original = false;  // named in the statement, or else gone with something that was
    bool invalid = false;   // an index that was not valid
};

/// A table whose rows were written anew and are not in the stream.
struct DdlRewrite {
    std::string identity;
    std::vector<std::string> reasons;
    std::string values;   // of a new type: "same" here as there, or "other"; empty: not known
    std::string because;  // what makes them other
};

/// What the rows that were there got in a column that the statement added.
struct DdlAdded {
    std::string value;    // "null", "same" here as there, or "other"
    std::string because;  // what makes it another one
};

struct DdlColumn {
    std::string name;
    std::string type;
    bool not_null = false;
    std::string expression;  // of the default, or of a generated column; empty: none
    std::string generated;   // "stored", "virtual", or empty
    std::string identity;    // "always", "by default", or empty
    std::string collation;   // empty: the type's own

    bool operator==(const DdlColumn&) const = default;
};

struct DdlKey {
    std::string name;
    std::vector<std::optional<std::string>> columns;  // nullopt stands for an expression
    bool primary = false;
    bool partial = false;
    bool immediate = false;
    bool valid = false;
    bool nulls_not_distinct = false;
    bool replica_identity = false;

    bool operator==(const DdlKey&) const = default;
};

/// What a relation is after the statement.
struct DdlTable {
    RelationName relation;
    std::string kind;  // "table", "partitioned table", "view", …
    std::string persistence;
    std::string owner;
    std::string
        lock;  // empty: nobody else could change it up to the commit; "share": but for its indexes; "none"
    std::vector<DdlColumn> columns;
    std::vector<std::string> checks;  // names
    /// Column to the value that it has in rows from before it was added, as text; what is not here
    /// was not told.
    std::map<std::string, std::string> missing;
    std::map<std::string, DdlAdded> added;  // by column; only those that the statement added
    std::vector<DdlKey> keys;
    std::string replica_identity;
    std::optional<RelationName> partition_of;
    std::string partition_bound;
    std::string partition_key;
    std::vector<RelationName> inherits;
};

enum class DdlKind { ddl, capture_failed, capture_ended };

struct DdlStatement {
    DdlKind kind = DdlKind::ddl;
    std::string database;
    std::uint32_t database_oid = 0;
    std::uint64_t xid = 0;  // of the top transaction, with its epoch
    std::uint64_t ordinal = 0;
    std::string tag;
    std::optional<std::string> text;
    bool masked = false;
    bool nested = false;
    std::string role;
    std::string session_role;  // who was connected; `role` where they are the same
    std::string search_path;
    std::map<std::string, std::string> settings;  // all of ddl::k_settings; none: capture_failed
    std::map<std::string, std::string> current;   // what SET … FROM CURRENT of a function names
    std::vector<DdlObject> objects;
    std::vector<DdlDropped> dropped;
    std::vector<DdlRewrite> rewritten;
    bool rows_follow = false;
    bool names_left_out = false;  // the text names objects that are not reported
    std::vector<DdlTable> tables;
    std::string sqlstate;  // capture_failed
    std::string message;   // capture_failed, capture_ended
};

/// What the message says of the relation after the statement; nullptr: nothing. Points into
/// `statement`.
const DdlTable* table_of(const DdlStatement& statement, const RelationName& name);
/// nullptr when the statement did not write the relation's rows anew. Points into `statement`.
const DdlRewrite* rewrite_of(const DdlStatement& statement, const RelationName& name);
bool has_reason(const DdlRewrite& rewrite, std::string_view reason);

}  // namespace ardent::model
