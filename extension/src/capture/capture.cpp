// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/capture.hpp"

#include "extension/src/capture/ending.hpp"
#include "extension/src/capture/key.hpp"
#include "extension/src/capture/message.hpp"
#include "extension/src/capture/objects.hpp"
#include "extension/src/capture/switch.hpp"
#include "extension/src/capture/text.hpp"
#include "extension/src/capture/values.hpp"

#include "extension/src/pg/boundary.hpp"

#include "common/base/error.hpp"

namespace ardent::ext::capture {

namespace {

// Beyond it an output plugin, which escapes the text, might not get it through its buffers of 1 GB.
constexpr std::size_t k_most_bytes = 100UL << 20U;

// The setting's place, as the server wants it.
bool g_strict = false;
object_access_hook_type g_next_access = nullptr;

/// A cancelled statement or a shutdown is no failure of ours.
bool is_fatal(const pg::PgError& error) {
    return g_strict || error.sqlstate().starts_with("57");
}

void fail(Statement* statement, const char* sqlstate, const char* problem) {
    if (g_strict) {
        throw base::Error(base::ErrorKind::config, problem, "", sqlstate);
    }
    note_failure(statement, sqlstate, problem);
}

/// Runs `work` in a sub-transaction; a failure is noted in the statement.
template <class Work>
void guarded(Statement* statement, Work&& work) {
    try {
        pg::subtransaction([&] {
            work();
            return true;
        });
    } catch (const pg::PgError& e) {
        if (is_fatal(e)) {
            throw;
        }
        note_failure(statement, e.sqlstate().c_str(), e.what());
    }
}

void write(StringInfo body) {
    if (!pg::call([&] { return write_message(body); })) {
        constexpr const char* k_problem =
            "DDL capture of this database has no key: the statement is not in the stream";
        constexpr const char* k_hint = "SELECT ardent_ddl_capture(true) makes one.";
        if (g_strict) {
            throw base::Error(base::ErrorKind::config, k_problem, k_hint, "55000");
        }
        pg::call([&] { pg::warn(k_problem, k_hint); });
    }
}

/// The message of a statement, or the mark that there is none.
template <class Gather>
void tell(Statement* statement, const char* tag, bool rows_follow, Gather&& gather) {
    const Text text = text_of(*statement, tag);
    const bool fits = !text.text || text.text->size() <= k_most_bytes;
    Saying saying;
    saying.tag = tag;
    saying.text = text.text && fits ? text.text->c_str() : nullptr;
    saying.masked = text.masked;
    saying.rows_follow = rows_follow;
    StringInfo body = nullptr;
    if (!statement->failed && fits) {
        guarded(statement, [&] { body = form_body(*statement, saying, gather()); });
    }
    if (!fits || (body != nullptr && static_cast<std::size_t>(body->len) > k_most_bytes)) {
        fail(statement, "54000", "the message would be larger than 100 MB");
    }
    if (statement->failed) {
        body = pg::call([&] { return form_failure(*statement, saying); });
    }
    statement->settled = true;
    if (body != nullptr) {
        write(body);
    }
}

bool is_captured() {
    return XLogLogicalInfoActive() && !creating_extension;
}

/// What cannot be judged is not known, and concerns nobody's statement: it will fail by itself
/// where it has to.
void judge(Statement* statement) {
    try {
        pg::subtransaction([&] {
            judge_conversions(statement);
            return true;
        });
    } catch (const pg::PgError& e) {
        if (e.sqlstate().starts_with("57")) {
            throw;
        }
        statement->conversions = Values::unknown;
    }
}

void start(const Node* tree) {
    Statement* const statement = current_statement(true, tree);
    statement->started = true;
    if (!is_captured()) {
        return;
    }
    if (statement->query == nullptr) {
        find_text(statement);
    }
    if (converts(tree)) {
        judge(statement);
    }
}

void settle(Statement* statement, const EventTriggerData* data) {
    if (!statement->settled) {
        tell(statement, GetCommandTagName(data->tag), false, [&] {
            // the server lists nothing for DROP here
            return statement->kind == T_DropStmt ? no_objects() : commanded_objects();
        });
    }
}

/// sql_drop comes when the statement has done its work, and before ddl_command_end. What an
/// application's trigger does for sql_drop belongs behind the message.
void dropped(Statement* statement, const EventTriggerData* data) {
    guarded(statement, [&] { gather_dropped(statement); });
    settle(statement, data);
}

bool makes_relation_with_rows(const Statement* statement) {
    return statement != nullptr && !statement->settled && statement->kind == T_CreateTableAsStmt &&
           statement->started && !statement->ended;
}

/// EXPLAIN ANALYZE runs CREATE TABLE AS, and no event trigger fires for it. Nor for others here: so
/// whether capture is on has to be asked.
bool explains_one(const Statement* statement) {
    return statement != nullptr && !statement->settled && statement->kind == T_ExplainStmt &&
           is_switched_on();
}

/// The rows of CREATE TABLE AS come before ddl_command_end: its message is written when its table
/// is there.
void relation_created(Oid oid) {
    Statement* const statement = innermost_statement();
    const bool explained = pg::call([&] { return explains_one(statement); });
    if (!is_captured() || !(makes_relation_with_rows(statement) || explained)) {
        return;
    }
    statement->settled = true;
    Statement said = *statement;
    said.memory = nullptr;
    const char* tag = "CREATE TABLE AS";
    if (explained) {
        said.query = nullptr;
    } else {
        tag = GetCommandTagName(CreateCommandTag(const_cast<Node*>(statement->tree)));
    }
    tell(&said, tag, true, [&] {
        CommandCounterIncrement();  // or the catalogs do not show it yet
        return created_relation(oid, tag);
    });
}

/// No event trigger fires for REASSIGN OWNED.
void reassigned(Statement* statement) {
    if (is_captured() && pg::call([] { return is_switched_on(); })) {
        tell(statement, "REASSIGN OWNED", false, [] { return no_objects(); });
    }
}

void on_done(Statement* statement) {
    if (statement->kind == T_ReassignOwnedStmt) {
        pg::enter([&]() -> Datum {
            reassigned(statement);
            return Datum(0);
        });
    }
}

bool drops_extension(const Statement* statement) {
    return statement->kind == T_DropStmt &&
           castNode(DropStmt, statement->tree)->removeType == OBJECT_EXTENSION;
}

void index_dropped(Statement* statement, Oid index) {
    touch(statement, IndexGetRelation(index, true));
    if (!get_index_isvalid(index)) {
        note_invalid(statement, index);
    }
}

/// What cannot be known any more when the dropped objects are listed: the table of an index, whose
/// keys are others now, whether the index was valid, and what belonged to a dropped extension.
void object_dropped(const ObjectAddress& object) {
    Statement* const statement = innermost_statement();
    if (statement == nullptr || !statement->started || statement->ended || !is_captured()) {
        return;
    }
    pg::call([&] {
        if (drops_extension(statement)) {
            if (OidIsValid(getExtensionOfObject(object.classId, object.objectId))) {
                note_member(statement, object);
            }
        } else if (object.classId == RelationRelationId && object.objectSubId == 0) {
            const char kind = get_rel_relkind(object.objectId);
            if (kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX) {
                index_dropped(statement, object.objectId);
            }
        }
    });
}

void on_access(ObjectAccessType access, Oid class_id, Oid object, int part, void* argument) {
    if (g_next_access != nullptr) {
        g_next_access(access, class_id, object, part, argument);
    }
    if (access == OAT_POST_CREATE) {
        if (class_id == RelationRelationId && part == 0 &&
            !static_cast<const ObjectAccessPostCreate*>(argument)->is_internal) {
            pg::enter([&]() -> Datum {
                relation_created(object);
                return Datum(0);
            });
        }
    } else if (access == OAT_DROP) {
        pg::enter([&]() -> Datum {
            object_dropped({class_id, object, part});
            pg::call([&] { note_end_by_drop({class_id, object, part}); });
            return Datum(0);
        });
    } else if (access == OAT_POST_ALTER && class_id == EventTriggerRelationId) {
        pg::enter([&]() -> Datum {
            pg::call([&] { note_end_by_alter(object); });
            return Datum(0);
        });
    }
}

}  // namespace

void initialize() {
    DefineCustomBoolVariable(
        "ardent.ddl_capture_strict",
        "A statement whose message for the stream cannot be formed fails.",
        "Off: the statement succeeds, and a mark in the stream stops the receiver.", &g_strict,
        false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    install_statement_hook(on_done);
    g_next_access = object_access_hook;
    object_access_hook = on_access;
}

void handle(Event event, const EventTriggerData* data) {
    if (event == Event::start) {
        start(data->parsetree);
        return;
    }
    if (!is_captured()) {
        return;
    }
    Statement* const statement = current_statement(false, data->parsetree);
    switch (event) {
    case Event::drop:
        dropped(statement, data);
        break;
    case Event::end:
        settle(statement, data);
        statement->ended = true;
        break;
    default:
        guarded(statement, [&] { gather_rewritten(statement); });
    }
}

}  // namespace ardent::ext::capture
