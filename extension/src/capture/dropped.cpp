// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/objects.hpp"

#include "extension/src/capture/key.hpp"
#include "extension/src/capture/rows.hpp"

#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

// Columns of pg_event_trigger_dropped_objects().
enum Column {
    k_class,
    k_object,
    k_part,
    k_original,
    k_normal,
    k_temporary,
    k_type,
    k_schema,
    k_name,
    k_identity,
    k_address
};

/// The parts of an object's name, outermost first; NIL when there are none.
List* address_of(const Datum* values, const bool* nulls) {
    if (nulls[k_address]) {
        return NIL;
    }
    Datum* parts = nullptr;
    bool* missing = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(values[k_address]), TEXTOID, -1, false, TYPALIGN_INT,
                      &parts, &missing, &count);
    List* result = NIL;
    for (int i = 0; i < count; ++i) {
        result = lappend(result, missing[i] ? pstrdup("") : TextDatumGetCString(parts[i]));
    }
    return result;
}

bool equals(const char* text, const char* other) {
    return text != nullptr && std::strcmp(text, other) == 0;
}

/// Dropped with their owner and not worth a word: TOAST tables, the types of rows and their arrays,
/// rules, the parts of operator classes.
bool is_implied(const Datum* values, const char* type, const char* schema) {
    const bool original = DatumGetBool(values[k_original]);
    const Oid class_id = DatumGetObjectId(values[k_class]);
    return equals(schema, "pg_toast") ||
           (!original && !DatumGetBool(values[k_normal]) && equals(type, "type")) ||
           (!original &&
            (class_id == RewriteRelationId || class_id == AccessMethodOperatorRelationId ||
             class_id == AccessMethodProcedureRelationId));
}

/// Belonged to the extension that was dropped.
bool is_member(const Statement* statement, const Datum* values) {
    ObjectAddress object;
    ObjectAddressSubSet(object, DatumGetObjectId(values[k_class]),
                        DatumGetObjectId(values[k_object]), DatumGetInt32(values[k_part]));
    return statement->members != nullptr && object_address_present(&object, statement->members);
}

const char* part(const List* address, int place) {
    return static_cast<const char*>(list_nth(address, place));
}

/// Tables that lost a part of themselves with something else: a column of a dropped type, a
/// default. The server lists a dropped table before its parts, so their names need not be looked up
/// in vain.
class Losers {
public:
    explicit Losers(Statement* statement) : m_statement(statement) {}

    void see_gone(const Datum* values, const char* type, List* address) {
        if (DatumGetObjectId(values[k_class]) != RelationRelationId ||
            DatumGetInt32(values[k_part]) != 0) {
            return;
        }
        note_gone(m_statement, DatumGetObjectId(values[k_object]));
        if (list_length(address) == 2 && (equals(type, "table") || equals(type, "foreign table"))) {
            m_gone = lappend(m_gone, address);
        }
    }

    void see_part(const Datum* values, const List* address) {
        const Oid class_id = DatumGetObjectId(values[k_class]);
        if (class_id == RelationRelationId && DatumGetInt32(values[k_part]) != 0) {
            touch(m_statement, DatumGetObjectId(values[k_object]));
        } else if ((class_id == ConstraintRelationId || class_id == AttrDefaultRelationId) &&
                   list_length(address) == 3 && !is_gone(address)) {
            const Oid schema = get_namespace_oid(part(address, 0), true);
            if (OidIsValid(schema)) {
                touch(m_statement, get_relname_relid(part(address, 1), schema));
            }
        }
    }

private:
    static constexpr int k_most_compared = 64;

    bool is_gone(const List* address) const {
        const int count = list_length(m_gone);
        for (int i = count - 1; i >= 0 && i >= count - k_most_compared; --i) {
            const auto* const table = static_cast<const List*>(list_nth(m_gone, i));
            if (equals(part(table, 1), part(address, 1)) &&
                equals(part(table, 0), part(address, 0))) {
                return true;
            }
        }
        return false;
    }

    Statement* m_statement;
    List* m_gone = NIL;  // schema and name
};

void consider(Statement* statement, Losers& losers, const Datum* values, const bool* nulls) {
    const char* const type = text_or_null(values, nulls, k_type);
    const char* const schema = text_or_null(values, nulls, k_schema);
    List* const address = address_of(values, nulls);
    losers.see_gone(values, type, address);
    if (DatumGetBool(values[k_temporary]) ||
        (list_length(address) > 1 &&
         equals(static_cast<const char*>(linitial(address)), "pg_temp"))) {
        ++statement->dropped_left_out;
        return;
    }
    const char* const identity = text_or_null(values, nulls, k_identity);
    const Oid class_id = DatumGetObjectId(values[k_class]);
    if (class_id == UserMappingRelationId && is_key_mapping(identity)) {
        ++statement->dropped_left_out;
        return;
    }
    if (is_implied(values, type, schema) || is_member(statement, values)) {
        return;
    }
    losers.see_part(values, address);
    if (statement->dropped->len > 0) {
        appendStringInfoChar(statement->dropped, ',');
    }
    Json json(statement->dropped);
    json.open().key("type").text(type).field("schema", schema);
    json.key("identity").text(identity);
    json.key("oid").number(DatumGetObjectId(values[k_object]));
    json.key("original").boolean(DatumGetBool(values[k_original]));
    json.flag("invalid",
              class_id == RelationRelationId &&
                  list_member_oid(statement->invalid, DatumGetObjectId(values[k_object])));
    json.close();
}

StringInfo buffer(Statement* statement, StringInfo present) {
    if (present != nullptr) {
        return present;
    }
    MemoryContext const before = MemoryContextSwitchTo(statement_memory(statement));
    StringInfo const made = makeStringInfo();
    MemoryContextSwitchTo(before);
    return made;
}

struct Reason {
    int bit;
    const char* name;
};

constexpr Reason k_reasons[] = {{AT_REWRITE_ALTER_PERSISTENCE, "persistence"},
                                {AT_REWRITE_DEFAULT_VAL, "default"},
                                {AT_REWRITE_COLUMN_REWRITE, "column_type"},
                                {pg::k_rewrite_access_method, "access_method"}};

Datum called(PGFunction function) {
    LOCAL_FCINFO(call_info, 0);
    InitFunctionCallInfoData(*call_info, nullptr, 0, InvalidOid, nullptr, nullptr);
    return function(call_info);
}

}  // namespace

void gather_dropped(Statement* statement) {
    statement->dropped = buffer(statement, statement->dropped);
    Losers losers(statement);
    for_each_row(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, [&](const Datum* values, const bool* nulls) {
        consider(statement, losers, values, nulls);
    });
}

void gather_rewritten(Statement* statement) {
    const Oid table = DatumGetObjectId(called(pg_event_trigger_table_rewrite_oid));
    const int why = DatumGetInt32(called(pg_event_trigger_table_rewrite_reason));
    if (get_rel_persistence(table) == RELPERSISTENCE_TEMP) {
        return;
    }
    statement->rewritten = buffer(statement, statement->rewritten);
    if (statement->rewritten->len > 0) {
        appendStringInfoChar(statement->rewritten, ',');
    }
    ObjectAddress address;
    ObjectAddressSet(address, RelationRelationId, table);
    Json json(statement->rewritten);
    json.open().key("identity").text(getObjectIdentity(&address ARDENT_MISSING_OK));
    json.key("oid").number(table).key("reasons").open('[');
    for (const Reason& reason : k_reasons) {
        if ((why & reason.bit) != 0) {
            json.text(reason.name);
        }
    }
    json.close(']');
    if (statement->conversions != Values::unknown) {
        const bool same = statement->conversions == Values::same;
        json.key("values").text(same ? "same" : "other");
        json.field("because", same ? nullptr : statement->conversions_why);
    }
    json.close();
    touch(statement, table);
}

}  // namespace ardent::ext::capture
