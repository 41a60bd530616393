// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/statement.hpp"

#include "extension/src/pg/boundary.hpp"
#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

// What a backend knows of itself; the server's hooks have no argument that could carry it.
struct Session {
    Statement* innermost = nullptr;
    Statement unseen;
    ProcessUtility_hook_type next = nullptr;
    StatementDone* done = nullptr;
};

constinit Session g_session;

void forget(Statement* statement) {
    if (statement->memory != nullptr) {
        MemoryContextDelete(statement->memory);
        statement->memory = nullptr;
    }
}

void run(PlannedStmt* planned, const char* query, ARDENT_UTILITY_TREE ProcessUtilityContext context,
         ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
         QueryCompletion* completion) {
    Statement statement;
    statement.outer = g_session.innermost;
    statement.tree = planned->utilityStmt;
    statement.kind = nodeTag(planned->utilityStmt);
    statement.query = query;
    statement.location = planned->stmt_location;
    statement.length = planned->stmt_len;
    statement.part = context == PROCESS_UTILITY_SUBCOMMAND;
    statement.nested = context != PROCESS_UTILITY_TOPLEVEL;
    g_session.innermost = &statement;
    pg::with_cleanup(
        [&] {
            (g_session.next != nullptr ? g_session.next : standard_ProcessUtility)(
                planned, query, ARDENT_PASS_UTILITY_TREE context, parameters, environment, receiver,
                completion);
            g_session.done(&statement);
        },
        [&] {
            g_session.innermost = statement.outer;
            forget(&statement);
        });
}

Statement* whole(Statement* statement) {
    while (statement != nullptr && statement->part) {
        statement = statement->outer;
    }
    return statement;
}

void append(Statement* statement, List*& oids, Oid oid) {
    MemoryContext const before = MemoryContextSwitchTo(statement_memory(statement));
    oids = lappend_oid(oids, oid);
    MemoryContextSwitchTo(before);
}

void at_transaction_end(XactEvent event, void* /*argument*/) {
    if (event == XACT_EVENT_ABORT) {
        g_session.unseen.ended = true;  // its tree is gone
    }
}

}  // namespace

void install_statement_hook(StatementDone* done) {
    g_session.done = done;
    RegisterXactCallback(at_transaction_end, nullptr);
    g_session.next = ProcessUtility_hook;
    ProcessUtility_hook = run;
}

Statement* innermost_statement() {
    Statement* const seen = whole(g_session.innermost);
    if (seen != nullptr) {
        return seen;
    }
    Statement* const unseen = &g_session.unseen;
    return unseen->started && !unseen->ended ? unseen : nullptr;
}

// Another extension may run a statement past the hooks: then the innermost one seen is of another
// kind.
Statement* current_statement(bool starting, const Node* tree) {
    Statement* const seen = whole(g_session.innermost);
    if (seen != nullptr && !seen->ended && seen->started != starting &&
        seen->kind == nodeTag(tree)) {
        return seen;
    }
    Statement* const unseen = &g_session.unseen;
    if (starting || !unseen->started || unseen->ended) {
        forget(unseen);
        *unseen = Statement();
        unseen->tree = tree;
        unseen->kind = nodeTag(tree);
    }
    return unseen;
}

MemoryContext statement_memory(Statement* statement) {
    if (statement->memory == nullptr) {
        statement->memory =
            AllocSetContextCreate(TopMemoryContext, "ardent statement", ALLOCSET_SMALL_SIZES);
    }
    return statement->memory;
}

void touch(Statement* statement, Oid relation) {
    if (OidIsValid(relation)) {
        append(statement, statement->touched, relation);
    }
}

void note_gone(Statement* statement, Oid relation) {
    append(statement, statement->gone, relation);
}

void note_invalid(Statement* statement, Oid index) {
    append(statement, statement->invalid, index);
}

List* left_of_touched(const Statement& statement) {
    List* const touched = list_copy(statement.touched);
    List* const gone = list_copy(statement.gone);
    list_sort(touched, list_oid_cmp);
    list_sort(gone, list_oid_cmp);
    List* left = NIL;
    int place = 0;
    ListCell* cell = nullptr;
    foreach (cell, touched) {
        while (place < list_length(gone) && list_nth_oid(gone, place) < lfirst_oid(cell)) {
            ++place;
        }
        if (place == list_length(gone) || list_nth_oid(gone, place) != lfirst_oid(cell)) {
            left = lappend_oid(left, lfirst_oid(cell));
        }
    }
    return left;
}

void note_member(Statement* statement, const ObjectAddress& object) {
    MemoryContext const before = MemoryContextSwitchTo(statement_memory(statement));
    if (statement->members == nullptr) {
        statement->members = new_object_addresses();
    }
    add_exact_object_address(&object, statement->members);
    MemoryContextSwitchTo(before);
}

void note_failure(Statement* statement, const char* sqlstate, const char* problem) noexcept {
    statement->failed = true;
    strlcpy(statement->sqlstate, sqlstate, sizeof statement->sqlstate);
    const int length = static_cast<int>(std::strlen(problem));
    const int kept = pg_mbcliplen(problem, length, static_cast<int>(sizeof statement->problem) - 1);
    std::memcpy(statement->problem, problem, static_cast<std::size_t>(kept));
    statement->problem[kept] = '\0';
}

}  // namespace ardent::ext::capture
