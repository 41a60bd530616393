// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/definition.hpp"

#include "extension/src/capture/values.hpp"

#include "extension/src/pg/compat.hpp"

#include <algorithm>

namespace ardent::ext::capture {

namespace {

constexpr int k_most_descendants = 100;

const char* kind_name(char kind) {
    switch (kind) {
    case RELKIND_RELATION:
        return "table";
    case RELKIND_PARTITIONED_TABLE:
        return "partitioned table";
    case RELKIND_VIEW:
        return "view";
    case RELKIND_MATVIEW:
        return "materialized view";
    case RELKIND_FOREIGN_TABLE:
        return "foreign table";
    case RELKIND_COMPOSITE_TYPE:
        return "composite type";
    default:
        return nullptr;
    }
}

const char* identity_name(char setting) {
    switch (setting) {
    case REPLICA_IDENTITY_FULL:
        return "full";
    case REPLICA_IDENTITY_NOTHING:
        return "nothing";
    case REPLICA_IDENTITY_INDEX:
        return "index";
    default:
        return "default";
    }
}

/// Made once for a relation: it takes as long as the relation has columns.
List* context_of(Relation relation, List*& context) {
    if (context == NIL) {
        context =
            deparse_context_for(RelationGetRelationName(relation), RelationGetRelid(relation));
    }
    return context;
}

const char* default_of(Relation relation, AttrNumber number, List*& context) {
    const TupleConstr* const constraints = RelationGetDescr(relation)->constr;
    for (int i = 0; constraints != nullptr && i < constraints->num_defval; ++i) {
        if (constraints->defval[i].adnum == number) {
            Node* const expression = static_cast<Node*>(stringToNode(constraints->defval[i].adbin));
            return deparse_expression(expression, context_of(relation, context), false, false);
        }
    }
    return nullptr;
}

const char* collation_of(const FormData_pg_attribute* column) {
    return OidIsValid(column->attcollation) &&
                   column->attcollation != get_typcollation(column->atttypid)
               ? generate_collation_name(column->attcollation)
               : nullptr;
}

/// The value of a column that was added without writing the table anew, in rows that were there;
/// nullptr: none. Printed as Ardent's own sessions print values.
const char* missing_value(Relation relation, AttrNumber number) {
    TupleDesc const shape = RelationGetDescr(relation);
    const FormData_pg_attribute* const column = TupleDescAttr(shape, number - 1);
    const TupleConstr* const constraints = shape->constr;
    if (!column->atthasmissing || constraints == nullptr || constraints->missing == nullptr ||
        !constraints->missing[number - 1].am_present) {
        return nullptr;
    }
    static constexpr const char* k_printed[][2] = {
        {"datestyle", "ISO, YMD"},   {"intervalstyle", "postgres"}, {"timezone", "UTC"},
        {"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"lc_monetary", "C"}};
    const int level = NewGUCNestLevel();
    for (const auto& [name, value] : k_printed) {
        set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    }
    Oid function = InvalidOid;
    bool varlena = false;
    getTypeOutputInfo(column->atttypid, &function, &varlena);
    const char* const text =
        OidOutputFunctionCall(function, constraints->missing[number - 1].am_value);
    AtEOXact_GUC(true, level);
    return text;
}

void write_filling(Json& json, const Filling& filling) {
    static constexpr const char* k_words[] = {nullptr, "null", "same", "other"};
    json.field("added", k_words[static_cast<int>(filling.kind)]);
    json.field("because", filling.why);
}

void write_columns(Json& json, Relation relation, const Node* tree) {
    TupleDesc const shape = RelationGetDescr(relation);
    List* context = NIL;
    json.key("columns").open('[');
    for (int i = 0; i < shape->natts; ++i) {
        const FormData_pg_attribute* const column = TupleDescAttr(shape, i);
        if (column->attisdropped) {
            continue;
        }
        json.open().key("name").text(NameStr(column->attname));
        json.key("type").text(format_type_with_typemod(column->atttypid, column->atttypmod));
        json.flag("not_null", column->attnotnull);
        json.field("default",
                   column->atthasdef ? default_of(relation, column->attnum, context) : nullptr);
        if (column->attgenerated != '\0') {
            json.key("generated").text(column->attgenerated == 's' ? "stored" : "virtual");
        }
        if (column->attidentity != '\0') {
            json.key("identity").text(column->attidentity == 'a' ? "always" : "by default");
        }
        json.field("collation", collation_of(column));
        json.field("missing", missing_value(relation, column->attnum));
        write_filling(json, filling_of(tree, relation, column));
        json.close();
    }
    json.close(']');
}

void write_key(Json& json, Relation relation, const char* name, HeapTuple tuple) {
    const auto* const index = reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple));
    json.open().key("name").text(name).flag("primary", index->indisprimary);
    json.key("columns").open('[');
    for (int i = 0; i < index->indnkeyatts; ++i) {
        const AttrNumber number = index->indkey.values[i];
        json.text(number == 0 ? nullptr : get_attname(RelationGetRelid(relation), number, true));
    }
    json.close(']');
    json.flag("partial", !heap_attisnull(tuple, Anum_pg_index_indpred, nullptr));
    json.flag("immediate", index->indimmediate).flag("valid", index->indisvalid);
    json.flag("nulls_not_distinct", pg::nulls_not_distinct(index));
    json.flag("replica_identity", index->indisreplident).close();
}

struct Index {
    const char* name;
    HeapTuple tuple;
};

/// The unique ones, also what DROP INDEX CONCURRENTLY left half dropped, which the server's own
/// list leaves out.
List* unique_indexes(Relation relation) {
    List* found = NIL;
    Relation const catalog = table_open(IndexRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(RelationGetRelid(relation)));
    SysScanDesc const scan =
        systable_beginscan(catalog, IndexIndrelidIndexId, true, nullptr, 1, &key);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        if (reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple))->indisunique) {
            found = lappend(found, heap_copytuple(tuple));
        }
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return found;
}

void write_keys(Json& json, Relation relation) {
    List* const tuples = relation->rd_rel->relhasindex ? unique_indexes(relation) : NIL;
    auto* const indexes = static_cast<Index*>(
        palloc(sizeof(Index) * static_cast<std::size_t>(list_length(tuples) + 1)));
    std::size_t count = 0;
    ListCell* cell = nullptr;
    foreach (cell, tuples) {
        auto* const tuple = static_cast<HeapTuple>(lfirst(cell));
        const char* const name =
            get_rel_name(reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple))->indexrelid);
        if (name != nullptr) {
            indexes[count++] = {name, tuple};
        }
    }
    std::sort(indexes, indexes + count,
              [](const Index& a, const Index& b) { return std::strcmp(a.name, b.name) < 0; });
    json.key("keys").open('[');
    for (std::size_t i = 0; i < count; ++i) {
        write_key(json, relation, indexes[i].name, indexes[i].tuple);
    }
    json.close(']');
}

void write_checks(Json& json, Relation relation) {
    const TupleConstr* const constraints = RelationGetDescr(relation)->constr;
    if (constraints == nullptr || constraints->num_check == 0) {
        return;
    }
    json.key("checks").open('[');
    for (int i = 0; i < constraints->num_check; ++i) {
        json.text(constraints->check[i].ccname);
    }
    json.close(']');
}

void write_name(Json& json, Oid relation) {
    json.open().key("schema").text(get_namespace_name(get_rel_namespace(relation)));
    json.key("name").text(get_rel_name(relation)).close();
}

void write_parents(Json& json, Relation relation) {
    const bool partition = relation->rd_rel->relispartition;
    Relation const catalog = table_open(InheritsRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(RelationGetRelid(relation)));
    SysScanDesc const scan =
        systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
    bool any = false;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const Oid parent =
            reinterpret_cast<const FormData_pg_inherits*>(GETSTRUCT(tuple))->inhparent;
        if (partition) {
            json.key("partition_of");
        } else if (!any) {
            json.key("inherits").open('[');
        }
        any = true;
        write_name(json, parent);
    }
    if (any && !partition) {
        json.close(']');
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

void write_partitioning(Json& json, Relation relation) {
    const Oid oid = RelationGetRelid(relation);
    if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) {
        json.key("partition_key")
            .text(
                TextDatumGetCString(DirectFunctionCall1(pg_get_partkeydef, ObjectIdGetDatum(oid))));
    }
    if (!relation->rd_rel->relispartition) {
        return;
    }
    HeapTuple const tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) {
        return;
    }
    bool missing = false;
    const Datum bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &missing);
    if (!missing) {
        json.key("partition_bound")
            .text(TextDatumGetCString(
                DirectFunctionCall2(pg_get_expr, bound, ObjectIdGetDatum(oid))));
    }
    ReleaseSysCache(tuple);
}

/// What of its locks keeps others from changing the relation until the commit; nullptr: everything.
/// Every change takes one of the modes that exclude each other, but for CREATE INDEX, whose mode
/// excludes all of them and not itself.
const char* lock_of(Relation relation) {
    if (relation->rd_createSubid != InvalidSubTransactionId ||
        CheckRelationLockedByMe(relation, ShareRowExclusiveLock, true) ||
        CheckRelationLockedByMe(relation, ShareUpdateExclusiveLock, false)) {
        return nullptr;
    }
    return CheckRelationLockedByMe(relation, ShareLock, false) ? "share" : "none";
}

void write_definition(Json& json, Relation relation, const Node* tree) {
    const FormData_pg_class* const form = relation->rd_rel;
    json.open().key("oid").number(RelationGetRelid(relation));
    json.key("schema").text(get_namespace_name(form->relnamespace));
    json.key("name").text(RelationGetRelationName(relation));
    json.key("kind").text(kind_name(form->relkind));
    json.key("persistence")
        .text(form->relpersistence == RELPERSISTENCE_UNLOGGED ? "unlogged" : "permanent");
    json.key("owner").text(GetUserNameFromId(form->relowner, true));
    json.field("lock", lock_of(relation));
    write_columns(json, relation, tree);
    write_checks(json, relation);
    if (form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE ||
        form->relkind == RELKIND_MATVIEW) {
        write_keys(json, relation);
        json.key("replica_identity").text(identity_name(form->relreplident));
    }
    write_parents(json, relation);
    write_partitioning(json, relation);
    json.close();
}

List* once_each(List* oids) {
    list_sort(oids, list_oid_cmp);
    list_deduplicate_oid(oids);
    return oids;
}

/// The relations themselves, tables instead of indexes; what is gone is not among them.
List* tables_of(const List* relations) {
    List* tables = NIL;
    const ListCell* cell = nullptr;
    foreach (cell, relations) {
        const Oid oid = lfirst_oid(cell);
        const char kind = get_rel_relkind(oid);
        const bool index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
        const Oid table = index ? IndexGetRelation(oid, true) : oid;
        if (kind != '\0' && OidIsValid(table)) {
            tables = lappend_oid(tables, table);
        }
    }
    return once_each(tables);
}

/// With those that inherit from them.
List* family(List* tables, std::uint64_t& left_out) {
    List* result = list_copy(tables);
    ListCell* cell = nullptr;
    foreach (cell, tables) {
        if (!has_subclass(lfirst_oid(cell))) {
            continue;
        }
        int count = 0;
        ListCell* child = nullptr;
        foreach (child, find_all_inheritors(lfirst_oid(cell), NoLock, nullptr)) {
            if (++count > k_most_descendants + 1) {
                ++left_out;
            } else {
                result = lappend_oid(result, lfirst_oid(child));
            }
        }
    }
    return once_each(result);
}

}  // namespace

// Where a session has them as they are nothing is set: each costs a look at all of a setting.
int pin_printing() {
    const int level = NewGUCNestLevel();
    const auto pin = [](const char* name, const char* value) {
        set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    };
    pin("search_path", "pg_catalog, pg_temp");
    if (extra_float_digits < 1) {
        pin("extra_float_digits", "1");
    }
    if (bytea_output != BYTEA_OUTPUT_HEX) {
        pin("bytea_output", "hex");
    }
    if (quote_all_identifiers) {
        pin("quote_all_identifiers", "off");
    }
    return level;
}

std::uint64_t write_definitions(Json& json, const List* relations, const Node* tree) {
    std::uint64_t left_out = 0;
    const int level = pin_printing();
    json.open('[');
    ListCell* cell = nullptr;
    foreach (cell, family(tables_of(relations), left_out)) {
        const Oid oid = lfirst_oid(cell);
        if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
            ++left_out;
            continue;
        }
        Relation const relation = try_relation_open(oid, NoLock);
        if (relation == nullptr) {
            UnlockRelationOid(oid, AccessShareLock);
            continue;
        }
        if (kind_name(relation->rd_rel->relkind) != nullptr &&
            relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP) {
            write_definition(json, relation, tree);
        }
        relation_close(relation, AccessShareLock);
    }
    json.close(']');
    AtEOXact_GUC(true, level);
    return left_out;
}

}  // namespace ardent::ext::capture
