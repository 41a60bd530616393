// SPDX-License-Identifier: PostgreSQL
#include "replica/src/values.hpp"

namespace ardent::rows {

namespace {

/// What read_record needs of a composite type.
struct RecordReader {
    TupleDesc description;
    ValueReader** columns;  // nullptr for a dropped one
    Datum* values;
    bool* nulls;
};

bool has_domain(Oid type) {
    check_stack_depth();
    if (get_typtype(type) == TYPTYPE_DOMAIN) {
        return true;
    }
    if (const Oid element = get_element_type(type); OidIsValid(element)) {
        return has_domain(element);
    }
    if (get_typtype(type) != TYPTYPE_COMPOSITE) {
        return false;
    }
    TupleDesc const description = lookup_rowtype_tupdesc_copy(type, -1);
    bool found = false;
    for (int i = 0; i < description->natts && !found; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(description, i);
        found = !attribute->attisdropped && has_domain(attribute->atttypid);
    }
    FreeTupleDesc(description);
    return found;
}

/// In the place of a type's input function where the server's own code calls one, as array_in does.
Datum read_nested(PG_FUNCTION_ARGS) {
    auto* const reader = static_cast<ValueReader*>(fcinfo->flinfo->fn_extra);
    return read_value(reader, PG_GETARG_CSTRING(0));
}

/// The next field of a record's text up to the comma or parenthesis behind it, unescaped in place
/// as record_in does. nullptr: the field is empty, which stands for NULL.
char* next_field(char** position) {
    char* from = *position;
    if (*from == ',' || *from == ')') {
        return nullptr;
    }
    char* const start = from;
    char* to = from;
    bool quoted = false;
    while (quoted || (*from != ',' && *from != ')')) {
        const char c = *from++;
        if (c == '\0') {
            ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                            errmsg("malformed record: unexpected end of input")));
        }
        if (c == '\\' && *from != '\0') {
            *to++ = *from++;
        } else if (c == '"' && quoted && *from == '"') {
            *to++ = *from++;
        } else if (c == '"') {
            quoted = !quoted;
        } else {
            *to++ = c;
        }
    }
    *position = from;
    // The text up to `from` was read: `to` is never behind it, but may be on it, where the next
    // separator stands.
    if (to == from) {
        return pnstrdup(start, static_cast<Size>(to - start));
    }
    *to = '\0';
    return start;
}

/// record_in, with readers that judge nothing.
Datum read_record(PG_FUNCTION_ARGS) {
    auto* const record = static_cast<RecordReader*>(fcinfo->flinfo->fn_extra);
    check_stack_depth();
    char* position = pstrdup(PG_GETARG_CSTRING(0));
    bool fits = *position == '(';
    bool first = true;
    for (int i = 0; fits && i < record->description->natts; ++i) {
        record->values[i] = 0;
        record->nulls[i] = true;
        if (record->columns[i] == nullptr) {
            continue;
        }
        fits = *position == (first ? '(' : ',');
        if (!fits) {
            break;
        }
        first = false;
        ++position;
        if (char* const text = next_field(&position); text != nullptr) {
            record->values[i] = read_value(record->columns[i], text);
            record->nulls[i] = false;
        }
    }
    position += first && fits ? 1 : 0;
    if (!fits || *position != ')' || position[1] != '\0') {
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("malformed record for type %s",
                               format_type_be(record->description->tdtypeid))));
    }
    HeapTuple const tuple = heap_form_tuple(record->description, record->values, record->nulls);
    return heap_copy_tuple_as_datum(tuple, record->description);  // array_in frees it
}

void set_function(ValueReader* reader, PGFunction function, Oid stands_for, void* extra) {
    reader->function = FmgrInfo{};
    reader->function.fn_addr = function;
    reader->function.fn_oid = stands_for;
    reader->function.fn_nargs = 3;
    reader->function.fn_strict = true;
    reader->function.fn_mcxt = CurrentMemoryContext;
    reader->function.fn_extra = extra;
}

void read_as_record(ValueReader* reader, Oid type, Oid input) {
    auto* const record = static_cast<RecordReader*>(palloc0(sizeof(RecordReader)));
    record->description = lookup_rowtype_tupdesc_copy(type, -1);
    const int count = record->description->natts;
    record->columns = take_zeroed<ValueReader*>(count);
    record->values = take_zeroed<Datum>(count);
    record->nulls = take_zeroed<bool>(count);
    for (int i = 0; i < count; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(record->description, i);
        if (!attribute->attisdropped) {
            record->columns[i] = make_reader(attribute->atttypid, attribute->atttypmod);
        }
    }
    set_function(reader, read_record, input, record);
}

/// array_in keeps what it knows of the element type in fn_extra (ArrayMetaState is public for
/// that): with that filled before, it calls our reader for each element. It writes the element type
/// that it was asked for into the array.
void read_elements(ValueReader* reader, Oid element, int32 typmod) {
    auto* const state = static_cast<ArrayMetaState*>(palloc0(sizeof(ArrayMetaState)));
    get_type_io_data(element, IOFunc_input, &state->typlen, &state->typbyval, &state->typalign,
                     &state->typdelim, &state->typioparam, &state->typiofunc);
    state->element_type = element;
    ValueReader nested{};
    set_function(&nested, read_nested, state->typiofunc, make_reader(element, typmod));
    state->proc = nested.function;
    reader->function.fn_extra = state;
}

}  // namespace

namespace {

/// The names of these are looked up, which wants rights on their schemas. The owner of the table
/// need not have them: who wrote the value had them.
bool names_object(Oid type) {
    switch (type) {
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCLASSOID:
    case REGTYPEOID:
    case REGROLEOID:
    case REGNAMESPACEOID:
    case REGCOLLATIONOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
        return true;
    default:
        return false;
    }
}

}  // namespace

ValueReader* make_reader(Oid type, int32 typmod) {
    check_stack_depth();
    // A domain's value is stored as its base type's.
    type = getBaseTypeAndTypmod(type, &typmod);
    auto* const reader = static_cast<ValueReader*>(palloc0(sizeof(ValueReader)));
    Oid input = InvalidOid;
    getTypeInputInfo(type, &input, &reader->parameter);
    fmgr_info_cxt(input, &reader->function, CurrentMemoryContext);
    reader->typmod = typmod;
    const Oid element = get_element_type(type);
    reader->as_caller = names_object(OidIsValid(element) ? element : type);
    if (OidIsValid(element) && input == F_ARRAY_IN && has_domain(element)) {
        read_elements(reader, element, typmod);
    } else if (get_typtype(type) == TYPTYPE_COMPOSITE && has_domain(type)) {
        read_as_record(reader, type, input);
    }
    // Left out: range_in and multirange_in keep their state to themselves, so the checks of a
    // domain that is a range's subtype are evaluated for its bounds, with the rights of the table's
    // owner.
    return reader;
}

Datum read_value(ValueReader* reader, char* text) {
    if (!reader->as_caller) {
        return InputFunctionCall(&reader->function, text, reader->parameter, reader->typmod);
    }
    Oid owner = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&owner, &context);
    SetUserIdAndSecContext(GetSessionUserId(), context);
    const Datum value =
        InputFunctionCall(&reader->function, text, reader->parameter, reader->typmod);
    SetUserIdAndSecContext(owner, context);
    return value;
}

}  // namespace ardent::rows
