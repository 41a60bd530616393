// SPDX-License-Identifier: PostgreSQL
#include "replica/src/search.hpp"

namespace ardent::rows {

struct Search {
    Table* table;
    Columns identity;
    bool full;              // every value decides; an index only narrows the search
    Relation index;         // nullptr: the whole table is read
    IndexScanDesc scan;     // nullptr: no index
    ScanKeyData* keys;      // one a key column of the index
    int* key_cells;         // the place in `identity` of each key
    Datum* values;          // of the row looked for, by place in `identity`
    FmgrInfo* output;       // output functions, where the text has to be compared
    MemoryContext scratch;  // for one comparison: a search may read millions of rows
};

namespace {

int place_of(Columns identity, AttrNumber number) {
    for (int i = 0; i < identity.count; ++i) {
        if (identity.numbers[i] == number) {
            return i;
        }
    }
    return -1;
}

/// How an index of this kind finds equal values; 0 when it cannot.
StrategyNumber equality_strategy(Relation index, int column) {
    if (index->rd_rel->relam == BTREE_AM_OID) {
        return BTEqualStrategyNumber;
    }
#if PG_VERSION_NUM >= 180000
    // A key WITHOUT OVERLAPS is a GiST index.
    return IndexAmTranslateCompareType(COMPARE_EQ, index->rd_rel->relam, index->rd_opfamily[column],
                                       true);
#else
    (void)column;
    return InvalidStrategy;
#endif
}

/// Of all its columns, each told by the change, whole and without a predicate.
bool can_find(Relation index, Columns identity) {
    Form_pg_index const form = index->rd_index;
    bool fits = form->indisvalid && RelationGetIndexPredicate(index) == NIL &&
                RelationGetIndexExpressions(index) == NIL;
    for (int i = 0; fits && i < form->indnkeyatts; ++i) {
        fits = place_of(identity, form->indkey.values[i]) >= 0 &&
               equality_strategy(index, i) != InvalidStrategy;
    }
    return fits;
}

/// REPLICA IDENTITY FULL: any B-tree narrows the search, a unique one best.
Oid choose_index(Relation relation, Columns identity) {
    Oid chosen = InvalidOid;
    List* const indexes = RelationGetIndexList(relation);
    ListCell* each = nullptr;
    foreach (each, indexes) {
        Relation const index = index_open(lfirst_oid(each), AccessShareLock);
        if (index->rd_rel->relam == BTREE_AM_OID && can_find(index, identity) &&
            (index->rd_index->indisunique || !OidIsValid(chosen))) {
            chosen = lfirst_oid(each);
        }
        const bool best = OidIsValid(chosen) && index->rd_index->indisunique;
        index_close(index, NoLock);
        if (best) {
            break;
        }
    }
    list_free(indexes);
    return chosen;
}

void prepare_keys(Search* search) {
    Relation const index = search->index;
    const int count = index->rd_index->indnkeyatts;
    search->keys = take_zeroed<ScanKeyData>(count);
    search->key_cells = take_zeroed<int>(count);
    for (int i = 0; i < count; ++i) {
        const Oid type = index->rd_opcintype[i];
        const StrategyNumber strategy = equality_strategy(index, i);
        const Oid equality = get_opfamily_member(index->rd_opfamily[i], type, type, strategy);
        if (!OidIsValid(equality)) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                            errmsg("index \"%s\" has no equality operator for type %s",
                                   RelationGetRelationName(index), format_type_be(type))));
        }
        search->key_cells[i] = place_of(search->identity, index->rd_index->indkey.values[i]);
        ScanKeyInit(&search->keys[i], static_cast<AttrNumber>(i + 1), strategy,
                    get_opcode(equality), 0);
        search->keys[i].sk_collation = index->rd_indcollation[i];
    }
#if PG_VERSION_NUM >= 180000
    search->scan = index_beginscan(search->table->relation, index, SnapshotSelf, nullptr, count, 0);
#else
    search->scan = index_beginscan(search->table->relation, index, SnapshotSelf, count, 0);
#endif
}

/// An image that differs is no proof: only the text says what the source said. Of these types each
/// value has one image. (oid is none of them: one above 2^31 is sign-extended where it is read from
/// a row, and not where it is read from text.)
bool image_decides(Form_pg_attribute attribute) {
    switch (attribute->atttypid) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case TEXTOID:
    case VARCHAROID:
    case BYTEAOID:
    case UUIDOID:
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return true;
    default:
        return false;
    }
}

bool same_text(Search* search, int place, Form_pg_attribute attribute, Datum value,
               const Cell& cell) {
    FmgrInfo* const output = &search->output[place];
    if (!OidIsValid(output->fn_oid)) {
        Oid function = InvalidOid;
        bool varlena = false;
        getTypeOutputInfo(attribute->atttypid, &function, &varlena);
        fmgr_info_cxt(function, output, GetMemoryChunkContext(search));
    }
    return std::strcmp(OutputFunctionCall(output, value), cell.text) == 0;
}

bool same_value(Search* search, int place, Form_pg_attribute attribute, Datum value,
                const Cell& cell) {
    MemoryContext const before = MemoryContextSwitchTo(search->scratch);
    const bool same =
        datum_image_eq(value, search->values[place], attribute->attbyval, attribute->attlen) ||
        (!image_decides(attribute) && same_text(search, place, attribute, value, cell));
    MemoryContextSwitchTo(before);
    MemoryContextReset(search->scratch);
    return same;
}

/// True when the row found has exactly the values looked for.
bool is_same_row(Search* search, const Cell* cells) {
    TupleTableSlot* const slot = search->table->found;
    TupleDesc const description = slot->tts_tupleDescriptor;
    slot_getallattrs(slot);
    for (int i = 0; i < search->identity.count; ++i) {
        const int column = search->identity.numbers[i] - 1;
        Form_pg_attribute const attribute = TupleDescAttr(description, column);
        const bool is_null = slot->tts_isnull[column];
        if (is_null != (cells[i].state != Cell::State::value)) {
            return false;
        }
        if (!is_null && !same_value(search, i, attribute, slot->tts_values[column], cells[i])) {
            return false;
        }
    }
    return true;
}

/// An index that may return more than asked for (a GiST one) says so.
bool meets_keys(Search* search) {
    TupleTableSlot* const slot = search->table->found;
    slot_getallattrs(slot);
    for (int i = 0; i < search->index->rd_index->indnkeyatts; ++i) {
        ScanKey const key = &search->keys[i];
        const int column = search->index->rd_index->indkey.values[i] - 1;
        if (slot->tts_isnull[column] ||
            !DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
                                            slot->tts_values[column], key->sk_argument))) {
            return false;
        }
    }
    return true;
}

// An index keeps memory of its own for as long as its scan is open, and takes it in the context
// that happens to be current when it is first wanted (killedItems in btgettuple).
void start_scan(Search* search, int count) {
    MemoryContext const before = MemoryContextSwitchTo(GetMemoryChunkContext(search));
    index_rescan(search->scan, search->keys, count, nullptr, 0);
    MemoryContextSwitchTo(before);
}

bool next_of_scan(Search* search) {
    MemoryContext const before = MemoryContextSwitchTo(GetMemoryChunkContext(search));
    const bool found = index_getnext_slot(search->scan, ForwardScanDirection, search->table->found);
    MemoryContextSwitchTo(before);
    return found;
}

bool find_by_index(Search* search, const Cell* cells) {
    const int count = search->index->rd_index->indnkeyatts;
    for (int i = 0; i < count; ++i) {
        const int place = search->key_cells[i];
        const bool is_value = cells[place].state == Cell::State::value;
        if (!is_value && !search->full) {
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a key column has no value")));
        }
        search->keys[i].sk_flags = is_value ? 0 : SK_ISNULL | SK_SEARCHNULL;
        search->keys[i].sk_argument = search->values[place];
    }
    start_scan(search, count);
    while (next_of_scan(search)) {
        if (search->full ? is_same_row(search, cells)
                         : !search->scan->xs_recheck || meets_keys(search)) {
            return true;
        }
        CHECK_FOR_INTERRUPTS();
    }
    return false;
}

bool find_by_reading(Search* search, const Cell* cells) {
    TableScanDesc const scan = table_beginscan(search->table->relation, SnapshotSelf, 0, nullptr);
    bool found = false;
    while (!found && table_scan_getnextslot(scan, ForwardScanDirection, search->table->found)) {
        CHECK_FOR_INTERRUPTS();
        found = is_same_row(search, cells);
    }
    table_endscan(scan);
    return found;
}

}  // namespace

// SnapshotSelf sees what this very statement wrote before, so that a second change of a row finds
// the first one's version; nobody else writes.
Search* open_search(Table* table, Columns identity) {
    auto* const search = static_cast<Search*>(palloc0(sizeof(Search)));
    search->table = table;
    search->identity = identity;
    search->scratch =
        AllocSetContextCreate(CurrentMemoryContext, "ardent compare", ALLOCSET_DEFAULT_SIZES);
    search->full = table->relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
    search->values = take_zeroed<Datum>(identity.count);
    search->output = take_zeroed<FmgrInfo>(identity.count);
    const Oid index = search->full ? choose_index(table->relation, identity)
                                   : RelationGetReplicaIndex(table->relation);
    if (OidIsValid(index)) {
        search->index = index_open(index, RowExclusiveLock);
    }
    if (!search->full && (search->index == nullptr || !can_find(search->index, identity) ||
                          search->index->rd_index->indnkeyatts != identity.count)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("table \"%s\" has another replica identity in the replica",
                               RelationGetRelationName(table->relation))));
    }
    if (search->index != nullptr) {
        prepare_keys(search);
    }
    return search;
}

void close_search(Search* search) {
    if (search->index != nullptr) {
        index_endscan(search->scan);
        index_close(search->index, NoLock);
    }
    MemoryContextDelete(search->scratch);
}

bool find_row(Search* search, const Cell* cells) {
    for (int i = 0; i < search->identity.count; ++i) {
        search->values[i] =
            cells[i].state == Cell::State::value
                ? read_value(search->table->readers[search->identity.numbers[i] - 1], cells[i].text)
                : Datum{0};
    }
    ExecClearTuple(search->table->found);
    return search->index != nullptr ? find_by_index(search, cells) : find_by_reading(search, cells);
}

}  // namespace ardent::rows
