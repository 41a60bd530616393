// SPDX-License-Identifier: PostgreSQL
// The statements that this session is running, innermost first: what the utility hook saw of each,
// and what the event triggers gathered until its message is written. A statement lives on the
// hook's C stack; the one whose ddl_command_start made the server load the library was never seen
// by the hook, and has a place of its own.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

/// Of rows that are written anew: do they come out the same at any time and in any session?
enum class Values { unknown, same, other };

struct Statement {
    Statement* outer = nullptr;
    const Node* tree = nullptr;
    NodeTag kind = T_Invalid;     // of the tree, which a ROLLBACK does not survive
    const char* query = nullptr;  // the text that the statement is a part of; nullptr: not known
    int location = -1;
    int length = 0;
    bool part = false;  // of a statement that the server splits: event triggers do not fire for it
    bool nested = false;   // run by a function, procedure or DO block
    bool started = false;  // ddl_command_start has fired
    bool ended = false;    // ddl_command_end has fired
    bool settled = false;  // its message is written, or it is known to need none

    Values conversions = Values::unknown;  // of ALTER COLUMN … TYPE
    char conversions_why[NAMEDATALEN] = "";

    bool failed = false;
    char sqlstate[6] = "";
    char problem[256] = "";

    MemoryContext memory = nullptr;  // of what follows; made when it is needed
    StringInfo dropped = nullptr;    // JSON, objects separated by commas
    StringInfo rewritten = nullptr;
    List* touched = nullptr;             // oids of relations
    List* gone = nullptr;                // oids of dropped relations
    List* invalid = nullptr;             // oids of dropped indexes that were not valid
    ObjectAddresses* members = nullptr;  // of the extension that is dropped
    int dropped_left_out = 0;
};

/// Called for each statement that succeeded, by a hook of the server: it may raise, and throws
/// nothing.
using StatementDone = void(Statement*);

/// From _PG_init.
void install_statement_hook(StatementDone* done);

/// The statement that an event trigger has been fired for: `starting` for ddl_command_start. Never
/// nullptr.
Statement* current_statement(bool starting, const Node* tree);
/// The innermost statement, or nullptr; for hooks that fire inside one.
Statement* innermost_statement();

/// Where what is gathered for a statement lives. May raise.
MemoryContext statement_memory(Statement* statement);
void touch(Statement* statement, Oid relation);
void note_gone(Statement* statement, Oid relation);
void note_invalid(Statement* statement, Oid index);
/// Those of `touched` that were not dropped by the same statement: the catalogs need not be asked
/// for the others.
List* left_of_touched(const Statement& statement);
/// An object of an extension is dropped; asked for when the dropped objects are gathered.
void note_member(Statement* statement, const ObjectAddress& object);
void note_failure(Statement* statement, const char* sqlstate, const char* problem) noexcept;

}  // namespace ardent::ext::capture
