// SPDX-License-Identifier: PostgreSQL
#include "replica/src/truncate.hpp"

#include "replica/src/table.hpp"

namespace ardent::rows {

namespace {

void set_new_file(Relation relation) {
#if PG_VERSION_NUM >= 160000
    RelationSetNewRelfilenumber(relation, relation->rd_rel->relpersistence);
#else
    RelationSetNewRelfilenode(relation, relation->rd_rel->relpersistence);
#endif
}

/// With a description that stands for the index's expressions: nothing of them is called, nor even
/// parsed, which would want the search_path of the source's writers.
void empty_index(Relation table, Oid index) {
    Relation const relation = index_open(index, AccessExclusiveLock);
    set_new_file(relation);
    index_build(table, relation, BuildDummyIndexInfo(relation), true, false);
    index_close(relation, NoLock);
}

/// As ExecuteTruncateGuts (tablecmds.c) and RelationTruncateIndexes (heap.c).
void empty_relation(Relation relation) {
    List* const indexes = RelationGetIndexList(relation);
    set_new_file(relation);
    ListCell* each = nullptr;
    foreach (each, indexes) {
        empty_index(relation, lfirst_oid(each));
    }
    list_free(indexes);
}

void truncate(Oid table) {
    Relation const relation = table_open(table, AccessExclusiveLock);
    if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) {
        table_close(relation, NoLock);  // its partitions are named themselves
        return;
    }
    require_ordinary(relation);
    CheckTableNotInUse(relation, "TRUNCATE");
    empty_relation(relation);
    const Oid toast = relation->rd_rel->reltoastrelid;
    if (OidIsValid(toast)) {
        Relation const values = table_open(toast, AccessExclusiveLock);
        empty_relation(values);
        table_close(values, NoLock);
    }
    pgstat_count_truncate(relation);
    table_close(relation, NoLock);
}

}  // namespace

void truncate_tables(ArrayType* relations) {
    if (ARR_NDIM(relations) > 1 || ARR_HASNULL(relations) || ARR_ELEMTYPE(relations) != OIDOID) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("not a list of tables")));
    }
    PreventCommandIfReadOnly("TRUNCATE");
    const auto* const tables = reinterpret_cast<const Oid*>(ARR_DATA_PTR(relations));
    const int count = ArrayGetNItems(ARR_NDIM(relations), ARR_DIMS(relations));
    for (int i = 0; i < count; ++i) {
        truncate(tables[i]);
        CommandCounterIncrement();
    }
}

}  // namespace ardent::rows
