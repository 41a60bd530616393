// SPDX-License-Identifier: PostgreSQL
// The JSON messages between agent and environment, as values, and their encoding.
// Format: docs/protocol.md. Every `parse_…` throws base::Error (bug) that names the field that does
// not fit; every `to_json` gives compact UTF-8 text. Pure; any thread.
#pragma once

#include "common/model/lsn.hpp"
#include "common/model/search_paths.hpp"
#include "common/model/table_definition.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::protocol {

inline constexpr int k_protocol_version = 1;

struct SourceIdentity {
    std::string system_identifier;
    std::uint32_t timeline = 0;
    int server_version_num = 0;
    std::string database;
    std::string server_encoding;  // as pg_encoding_to_char prints it: "UTF8", "LATIN1", "SQL_ASCII"
    std::string locale_provider;  // pg_database.datlocprovider: "c" libc, "i" ICU, "b" builtin
    std::string lc_collate;
    std::string lc_ctype;
    std::optional<std::string> icu_locale;  // of the builtin provider too
    std::optional<std::string> icu_rules;
    std::optional<std::string> collation_version;  // pq::collation_version; may be missing
    std::optional<std::string> extension_version;
};

struct SlotState {
    std::string name;
    std::string plugin;
    std::map<std::string, std::string> plugin_options;
    bool exists = false;
    std::optional<model::Lsn> confirmed_flush;
    std::optional<std::string> wal_status;
};

/// What a receiver needs to know DDL messages again (docs/ddl.md). The keys are secrets: printed
/// nowhere.
struct DdlSource {
    std::uint32_t database_oid = 0;
    std::uint64_t next_xid = 0;               // with its epoch; not used yet at the source
    std::map<std::string, std::string> keys;  // id to 64 hex digits
    /// Of some or all keys: the source's WAL end when it was made; no message is signed with it
    /// before.
    std::map<std::string, model::Lsn> made;
    std::vector<std::string> superusers;
    std::string not_capturing;  // why DDL is not captured now; empty: it is
};

struct Hello {
    int protocol = k_protocol_version;
    std::string agent_version;
    SourceIdentity source;
    SlotState slot;
    std::vector<std::string> schemas;
    std::vector<model::RelationName> excluded;
    std::string preflight = "{}";  // the PreflightReport as JSON text
    std::optional<DdlSource> ddl;  // may be missing
    model::SearchPaths search_paths;
};

struct Failure {
    std::string message;
    std::string hint;
    std::optional<model::Lsn> lsn;
    std::string table;
    /// The key of the row that is meant, "(id) = (4)": for the environment's state and who may ask
    /// it; in no log and in no message to the agent.
    std::string row;
};

enum class ConnectorState { copy, streaming, failed };

const char* to_string(ConnectorState state) noexcept;

struct Limits {
    std::uint64_t segment_bytes = 4194304;
    unsigned in_flight = 3;
};

struct Welcome {
    int protocol = k_protocol_version;
    std::string environment_version;
    std::string session;  // 32 hex digits
    ConnectorState state = ConnectorState::copy;
    std::optional<model::Lsn> durable;
    std::optional<std::string> system_identifier;
    std::optional<std::uint32_t> timeline;
    std::optional<Failure> failure;
    Limits limits;
    /// Of the DDL messages of every key that the environment was ever given. Secrets: printed
    /// nowhere.
    std::vector<std::string> ddl_prefixes;
};

/// A table that the environment wants copied once more, beside the stream. The id is new for every
/// attempt.
struct CopyAgain {
    std::string id;
    model::RelationName table;
};

/// Answers segments, position, schema and sequences.
struct Progress {
    ConnectorState state = ConnectorState::streaming;
    std::optional<model::Lsn> durable;
    std::uint64_t next_sequence = 0;
    std::optional<Failure> failure;
    std::vector<CopyAgain> copy_again;
};

struct ExtensionNeed {
    std::string name;
    std::string version;
    std::string schema;
};

struct ObjectOwner {  // object as pg_identify_object_as_address names it
    std::string type;
    std::vector<std::string> names;
    std::vector<std::string> args;
    std::string owner;
};

/// An object of the source that the replica does not have, and why.
struct LeftOut {
    std::string type;      // as pg_identify_object says it: "view", "trigger", …
    std::string identity;  // quoted where SQL needs it
    std::string because;   // empty: the part of another one
};

/// One that the copy must not try to make (common/preflight/outside_objects.hpp).
struct OutsideObject {
    std::uint32_t catalog = 0;  // oids at the source, by which the schema's archive names it
    std::uint32_t oid = 0;
    LeftOut named;
    std::vector<std::string> names;  // as ObjectOwner
    std::vector<std::string> args;
};

/// A cast of a type of the carried schemas, which the schema's archive does not have.
struct Cast {
    std::string source;  // types and function as SQL names them, with their schemas
    std::string target;
    std::string function;  // empty: none
    char method = 'f';     // pg_cast.castmethod
    char context = 'e';    // pg_cast.castcontext
};

struct DefaultRight {
    std::string grantee;  // empty: PUBLIC
    std::string right;
    bool with_grant_option = false;
};

/// ALTER DEFAULT PRIVILEGES without a schema.
struct DefaultPrivileges {
    std::string role;
    char kind = 'r';  // pg_default_acl.defaclobjtype
    std::vector<DefaultRight> rights;
};

struct NotCarried {
    std::vector<std::string> sequences;  // that the agent's role may not read
    std::vector<std::string> unlogged;
    std::vector<std::string> foreign_tables;
    std::vector<std::string> materialized_views;
    std::vector<std::string> extension_tables;  // belong to an extension: its own rows only
    std::uint64_t large_objects = 0;
    std::vector<std::string> not_exact;  // columns whose NaN and infinities wal2json cannot say
    std::vector<LeftOut> objects;        // found before the copy, and since by replay
};

/// A function of a schema that is not carried, called by an expression of a table that is.
struct OutsideFunction {
    std::string schema;
    std::string name;
    std::string arguments;  // as CREATE FUNCTION takes them
    std::string result;
    char volatility = 'v';            // pg_proc.provolatile
    std::vector<std::string> tables;  // that need it, quoted as SQL needs it
};

/// Labels of an enum by the numbers that they are stored, sorted and hashed as.
struct EnumLabels {
    model::RelationName type;
    std::uint32_t type_oid = 0;         // as the schema's archive names it
    std::vector<std::uint32_t> labels;  // pg_enum.oid, in the order of enumsortorder
};

/// `made` is another number once the column was dropped and added, or got another expression:
/// pg_attrdef.oid.
struct GeneratedColumn {
    model::RelationName table;
    std::string name;
    std::uint32_t made = 0;
};

struct CopyBegin {
    std::string session;
    std::string slot;
    model::Lsn consistent_point;
    std::string server_encoding;
    std::vector<ExtensionNeed> extensions;
    std::vector<std::string> roles;
    std::vector<std::string> schemas;
    std::vector<ObjectOwner> owners;
    std::vector<model::TableDefinition> tables;
    NotCarried not_carried;
    model::SearchPaths search_paths;
    std::vector<OutsideFunction> outside_functions;
    std::vector<EnumLabels> enums;           // of the schemas and of extensions; may be missing
    std::vector<GeneratedColumn> generated;  // may be missing
    std::vector<OutsideObject> outside;      // these three, too
    std::vector<Cast> casts;
    std::vector<DefaultPrivileges> default_privileges;
};

struct CopyState {
    std::string copy_id;
    std::string phase;
    std::string detail;
    std::optional<Failure> failure;
};

struct CopyFinish {
    std::string session;
    std::vector<std::uint64_t> rows;
};

/// What the rows of a table that is copied again are, told before them.
struct CopyAgainBegin {
    model::TableDefinition table;
    std::vector<model::TypeDefinition> types;
    std::string snapshot;  // pg_current_snapshot() of the rows
    model::Lsn lsn;        // the source's WAL end, read after the snapshot was taken
};

struct SchemaReport {
    std::string session;
    model::Definitions definitions;
    /// The source's WAL end after they were read, and its snapshot before: "10:20:10,14". Both may
    /// be missing.
    std::optional<model::Lsn> lsn;
    std::string snapshot;
    std::vector<GeneratedColumn> generated;  // may be missing
};

/// What a sequence's next value follows from, as SELECT last_value, is_called says it.
struct SequenceValue {
    model::RelationName name;
    std::int64_t last_value = 0;
    bool called = true;

    bool operator==(const SequenceValue&) const = default;
};

/// What changed since the report before, in the first one of a session everything.
struct SequenceReport {
    std::string session;
    std::uint64_t number = 0;  // from 1 in each session
    model::Lsn lsn;            // of the source, flushed, after the values were read
    std::vector<SequenceValue> values;
    std::vector<model::RelationName> gone;        // reported before, not followed any more
    std::vector<model::RelationName> unreadable;  // all that the role may not read
};

struct AgentStatus {
    std::string session;
    std::optional<model::Lsn> source_lsn;
    std::optional<std::uint64_t> retained_wal_bytes;
    std::optional<std::string> wal_status;
    std::optional<std::uint64_t> safe_wal_size;
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint64_t> wal_bytes_per_second;
    std::vector<std::string> warnings;
    std::optional<std::string>
        preflight;  // a PreflightReport as JSON text, when there is a new one
};

struct ErrorBody {
    std::string detail;
    std::string code;
};

std::string to_json(const Hello& value);
std::string to_json(const Welcome& value);
std::string to_json(const Progress& value);
std::string to_json(const CopyBegin& value);
std::string to_json(const CopyState& value);
std::string to_json(const CopyFinish& value);
std::string to_json(const CopyAgainBegin& value);
std::string to_json(const SchemaReport& value);
std::string to_json(const SequenceReport& value);
std::string to_json(const AgentStatus& value);
std::string to_json(const ErrorBody& value);
std::string to_json(const NotCarried& value);
std::string to_json(const SourceIdentity& value);
std::string to_json(const Failure& value);

Hello parse_hello(std::string_view text);
Welcome parse_welcome(std::string_view text);
Progress parse_progress(std::string_view text);
CopyBegin parse_copy_begin(std::string_view text);
CopyState parse_copy_state(std::string_view text);
CopyFinish parse_copy_finish(std::string_view text);
CopyAgainBegin parse_copy_again_begin(std::string_view text);
SchemaReport parse_schema_report(std::string_view text);
SequenceReport parse_sequence_report(std::string_view text);
AgentStatus parse_agent_status(std::string_view text);
NotCarried parse_not_carried(std::string_view text);
SourceIdentity parse_source_identity(std::string_view text);
Failure parse_failure(std::string_view text);
/// Never throws: a body that is no error body becomes the detail, clipped.
ErrorBody parse_error_body(std::string_view text);

}  // namespace ardent::protocol
