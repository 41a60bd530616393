// SPDX-License-Identifier: PostgreSQL
#include "replica/src/foreign_code.hpp"

namespace ardent::rows {

namespace {

bool is_foreign(Oid object) {
    return object >= FirstNormalObjectId;
}

bool is_foreign_function(Oid function, void* context) {
    (void)context;
    return is_foreign(function);
}

bool calls_foreign_function(Node* node, void* context) {
    return node != nullptr &&
           (check_functions_in_node(node, is_foreign_function, context) ||
            expression_tree_walker(node, ARDENT_WALKER(calls_foreign_function), context));
}

bool index_is_foreign(Relation index, const IndexInfo* info) {
    for (int i = 0; i < info->ii_NumIndexKeyAttrs; ++i) {
        if (is_foreign(index->rd_opfamily[i])) {
            return true;
        }
    }
    return calls_foreign_function(reinterpret_cast<Node*>(info->ii_Expressions), nullptr) ||
           calls_foreign_function(reinterpret_cast<Node*>(info->ii_Predicate), nullptr);
}

/// A range type of the source may have a canonical function, or a domain below it.
bool type_is_foreign(Oid type) {
    const Oid element = get_element_type(type);
    type = getBaseType(OidIsValid(element) ? element : type);
    const char kind = get_typtype(type);
    return is_foreign(type) && kind != TYPTYPE_ENUM && kind != TYPTYPE_BASE;
}

}  // namespace

bool calls_foreign_code(const ResultRelInfo* info) {
    Relation const table = info->ri_RelationDesc;
    for (int i = 0; i < info->ri_NumIndices; ++i) {
        if (index_is_foreign(info->ri_IndexRelationDescs[i], info->ri_IndexRelationInfo[i])) {
            return true;
        }
    }
    for (int i = 0; i < RelationGetDescr(table)->natts; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(RelationGetDescr(table), i);
        if (is_stored(attribute) && type_is_foreign(attribute->atttypid)) {
            return true;
        }
    }
    return table->rd_rel->relispartition &&
           calls_foreign_function(reinterpret_cast<Node*>(RelationGetPartitionQual(table)),
                                  nullptr);
}

}  // namespace ardent::rows
