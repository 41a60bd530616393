// SPDX-License-Identifier: PostgreSQL
#include "replica/src/table.hpp"

#include "replica/src/foreign_code.hpp"

namespace ardent::rows {

namespace {

/// The executor asks the range table which columns an UPDATE sets (a hint for indexes) and which
/// columns an error may show.
void add_range_table(EState* estate, Relation relation, Bitmapset* updated) {
    auto* const entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(relation);
    entry->relkind = relation->rd_rel->relkind;
    entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
    List* permissions = NIL;
    addRTEPermissionInfo(&permissions, entry)->updatedCols = updated;
#if PG_VERSION_NUM >= 180000
    ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#else
    ExecInitRangeTable(estate, list_make1(entry), permissions);
#endif
#else
    entry->updatedCols = updated;
    ExecInitRangeTable(estate, list_make1(entry));
#endif
}

/// All columns beside the identity: the plugin tells every column of an updated row, changed or
/// not.
Bitmapset* columns_that_change(Relation relation) {
    Bitmapset* const key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
    Bitmapset* columns = nullptr;
    for (int i = 0; i < RelationGetDescr(relation)->natts; ++i) {
        const int member = i + 1 - FirstLowInvalidHeapAttributeNumber;
        if (!bms_is_member(member, key)) {
            columns = bms_add_member(columns, member);
        }
    }
    return columns;
}

void open_result(Table* table) {
    table->estate = CreateExecutorState();
    add_range_table(table->estate, table->relation, columns_that_change(table->relation));
    table->info = makeNode(ResultRelInfo);
    InitResultRelInfo(table->info, table->relation, 1, nullptr, 0);
#if PG_VERSION_NUM < 140000
    table->estate->es_result_relations = table->info;
    table->estate->es_num_result_relations = 1;
    table->estate->es_result_relation_info = table->info;
#endif
    ExecOpenIndices(table->info, false);
    table->foreign = calls_foreign_code(table->info);
    table->found = table_slot_create(table->relation, nullptr);
    table->fresh = table_slot_create(table->relation, nullptr);
}

struct Setting {
    const char* name;
    const char* value;
};

// How the source printed its values (common/pq/connection.cpp, exact_text_settings), and what else
// decides how text is read: DDL of the source may have left another value in the session.
// search_path is the writers' also while values are read: the source prints names with their
// schema, but for those in pg_catalog, which comes first under every path that does not name it
// later.
constexpr Setting k_settings[] = {{"array_nulls", "on"},
                                  {"bytea_output", "hex"},
                                  {"DateStyle", "ISO, YMD"},
                                  {"extra_float_digits", "3"},
                                  {"IntervalStyle", "postgres"},
                                  {"lc_monetary", "C"},
                                  {"quote_all_identifiers", "off"},
                                  {"TimeZone", "UTC"},
                                  {"xmloption", "content"}};

void set_value(const char* name, const char* value) {
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void become_owner(Table* table, const char* search_path) {
    GetUserIdAndSecContext(&table->caller, &table->caller_context);
    SetUserIdAndSecContext(table->relation->rd_rel->relowner,
                           table->caller_context | SECURITY_RESTRICTED_OPERATION);
    table->settings_level = NewGUCNestLevel();
    set_value("search_path", search_path);
    for (const auto& [name, value] : k_settings) {
        set_value(name, value);
    }
}

bool is_promised_not_null(TupleDesc description, int place) {
#if PG_VERSION_NUM >= 180000
    // A NOT NULL constraint may be NOT VALID: then old rows have nulls, and nothing relies on it.
    return TupleDescCompactAttr(description, place)->attnullability == ATTNULLABLE_VALID;
#else
    return TupleDescAttr(description, place)->attnotnull;
#endif
}

void insert_entries(Table* table, TupleTableSlot* slot, bool update, bool summarizing) {
    if (table->info->ri_NumIndices == 0) {
        return;
    }
    // What an UPDATE did not change is a hint for indexes; to have it the executor would prepare
    // the expressions of generated columns, and so call constant parts of them.
    const TupleConstr* const constraints = RelationGetDescr(table->relation)->constr;
    update = update && !(constraints != nullptr && constraints->has_generated_stored);
    const int level = enter_foreign(table->foreign);
#if PG_VERSION_NUM >= 160000
    List* const unchecked = ExecInsertIndexTuples(table->info, slot, table->estate, update, false,
                                                  nullptr, NIL, summarizing);
#elif PG_VERSION_NUM >= 140000
    (void)summarizing;
    List* const unchecked =
        ExecInsertIndexTuples(table->info, slot, table->estate, update, false, nullptr, NIL);
#else
    (void)update;
    (void)summarizing;
    List* const unchecked = ExecInsertIndexTuples(slot, table->estate, false, nullptr, NIL);
#endif
    leave_foreign(level);
    // Deferrable constraints whose check would wait for the transaction's end: the source's
    // transaction met them.
    list_free(unchecked);
}

}  // namespace

void insert_index_entries(Table* table, TupleTableSlot* slot) {
    insert_entries(table, slot, false, false);
}

void require_ordinary(Relation relation) {
    if (relation->rd_rel->relkind != RELKIND_RELATION || IsSystemRelation(relation)) {
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("\"%s\" is not an ordinary table", RelationGetRelationName(relation))));
    }
    // The caller's own tables are refused too: their code would run with its rights.
    const Oid owner = relation->rd_rel->relowner;
    if (owner == GetUserId() || !has_privs_of_role(GetUserId(), owner)) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("must be able to become another role, the owner of \"%s\"",
                        RelationGetRelationName(relation)),
                 errhint("Give the table its owner in the replica: ALTER TABLE ... OWNER TO ...")));
    }
}

Table* open_table(Oid relation, const char* search_path) {
    auto* const table = static_cast<Table*>(palloc0(sizeof(Table)));
    PreventCommandIfReadOnly("writing rows");
    table->relation = table_open(relation, RowExclusiveLock);
    require_ordinary(table->relation);
    become_owner(table, search_path);
    open_result(table);
    TupleDesc const description = RelationGetDescr(table->relation);
    table->readers = take_zeroed<ValueReader*>(description->natts);
    for (int i = 0; i < description->natts; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(description, i);
        if (is_stored(attribute)) {
            table->readers[i] = make_reader(attribute->atttypid, attribute->atttypmod);
        }
    }
    return table;
}

void close_table(Table* table) {
    ExecDropSingleTupleTableSlot(table->found);
    ExecDropSingleTupleTableSlot(table->fresh);
    ExecCloseIndices(table->info);
    FreeExecutorState(table->estate);
    table_close(table->relation, NoLock);
    AtEOXact_GUC(false, table->settings_level);
    SetUserIdAndSecContext(table->caller, table->caller_context);
}

Columns read_columns(const Table* table, ArrayType* numbers) {
    if (ARR_NDIM(numbers) > 1 || ARR_HASNULL(numbers) || ARR_ELEMTYPE(numbers) != INT2OID) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("not a list of columns")));
    }
    const Columns columns{reinterpret_cast<const int16*>(ARR_DATA_PTR(numbers)),
                          ArrayGetNItems(ARR_NDIM(numbers), ARR_DIMS(numbers))};
    for (int i = 0; i < columns.count; ++i) {
        const int16 number = columns.numbers[i];
        if (number < 1 || number > RelationGetDescr(table->relation)->natts ||
            table->readers[number - 1] == nullptr) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("table \"%s\" has no stored column %d",
                                   RelationGetRelationName(table->relation), number)));
        }
    }
    return columns;
}

void require_storable(Table* table, TupleTableSlot* slot) {
    TupleDesc const description = RelationGetDescr(table->relation);
    for (int i = 0; i < description->natts; ++i) {
        if (slot->tts_isnull[i] && table->readers[i] != nullptr &&
            is_promised_not_null(description, i)) {
            ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
                            errmsg("null value in column \"%s\", which is NOT NULL in the replica",
                                   NameStr(TupleDescAttr(description, i)->attname))));
        }
    }
    if (table->relation->rd_rel->relispartition) {
        const int level = enter_foreign(table->foreign);
        ExecPartitionCheck(table->info, slot, table->estate, true);
        leave_foreign(level);
    }
}

void update_row(Table* table) {
    require_storable(table, table->fresh);
    UpdateIndexes indexes{};
    simple_table_tuple_update(table->relation, &table->found->tts_tid, table->fresh,
                              GetActiveSnapshot(), &indexes);
    if (any_index(indexes)) {
        insert_entries(table, table->fresh, true, only_summarizing(indexes));
    }
    ResetPerTupleExprContext(table->estate);
}

void remove_row(Table* table) {
    simple_table_tuple_delete(table->relation, &table->found->tts_tid, GetActiveSnapshot());
}

}  // namespace ardent::rows
