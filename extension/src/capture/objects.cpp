// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/objects.hpp"

#include "extension/src/capture/definition.hpp"
#include "extension/src/capture/key.hpp"
#include "extension/src/capture/rows.hpp"

#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

// Columns of pg_event_trigger_ddl_commands().
enum Column {
    k_class,
    k_object,
    k_part,
    k_tag,
    k_type,
    k_schema,
    k_identity,
    k_in_extension,
    k_command
};

bool is_temporary(const ObjectAddress& address, const char* schema) {
    if (schema != nullptr) {
        return std::strcmp(schema, "pg_temp") == 0;
    }
    // triggers, policies and rules have no schema of their own; their table's is the first part of
    // their name
    List* names = NIL;
    List* arguments = NIL;
    getObjectIdentityParts(&address, &names, &arguments ARDENT_MISSING_OK);
    return list_length(names) > 1 &&
           std::strcmp(static_cast<const char*>(linitial(names)), "pg_temp") == 0;
}

/// Everything of this extension has its name in its identity: only then pg_depend is asked.
bool is_own(const ObjectAddress& address, const char* identity) {
    if (std::strstr(identity, "ardent") == nullptr) {
        return false;
    }
    if (address.classId == UserMappingRelationId) {
        return is_key_mapping(identity);
    }
    const Oid own = get_extension_oid("ardent", true);
    if (!OidIsValid(own)) {
        return false;
    }
    return address.classId == ExtensionRelationId
               ? address.objectId == own
               : getExtensionOfObject(address.classId, address.objectId) == own;
}

void remember_relation(Objects& objects, Oid oid) {
    objects.relations = lappend_oid(objects.relations, oid);
}

void remember_relations(Objects& objects, const ObjectAddress& address) {
    if (address.classId == RelationRelationId) {
        remember_relation(objects, address.objectId);
    } else if (address.classId == ConstraintRelationId) {
        HeapTuple const tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(address.objectId));
        if (HeapTupleIsValid(tuple)) {
            const Oid table =
                reinterpret_cast<const FormData_pg_constraint*>(GETSTRUCT(tuple))->conrelid;
            if (OidIsValid(table)) {
                remember_relation(objects, table);
            }
            ReleaseSysCache(tuple);
        }
    }
}

struct Named {
    ObjectAddress address;
    const char* tag;
    const char* type;
    const char* schema;
    const char* identity;
};

/// An index that CONCURRENTLY left unfinished: no message told of it.
bool is_unfinished(const Named& object) {
    return object.address.classId == RelationRelationId && object.address.objectSubId == 0 &&
           std::strcmp(object.type, "index") == 0 &&
           get_rel_relkind(object.address.objectId) == RELKIND_INDEX &&
           !get_index_isvalid(object.address.objectId);
}

void report(Objects& objects, const Named& object) {
    ++objects.reported;
    if (objects.json->len > 0) {
        appendStringInfoChar(objects.json, ',');
    }
    Json json(objects.json);
    json.open().key("type").text(object.type).field("schema", object.schema);
    json.field("identity", object.identity);
    if (OidIsValid(object.address.objectId)) {
        json.key("oid").number(object.address.objectId);
    }
    json.key("command").text(object.tag);
    json.flag("invalid", is_unfinished(object)).close();
}

void consider(Objects& objects, const Named& object) {
    if (object.identity == nullptr) {
        return;  // gone meanwhile
    }
    if (is_temporary(object.address, object.schema) || is_own(object.address, object.identity)) {
        ++objects.left_out;
        return;
    }
    report(objects, object);
}

Oid class_of(ObjectType type) {
    switch (type) {
    case OBJECT_COLUMN:
    case OBJECT_TABLE:
    case OBJECT_SEQUENCE:
        return RelationRelationId;
    case OBJECT_DOMAIN:
    case OBJECT_TYPE:
        return TypeRelationId;
    case OBJECT_FDW:
        return ForeignDataWrapperRelationId;
    case OBJECT_FOREIGN_SERVER:
        return ForeignServerRelationId;
    case OBJECT_FUNCTION:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE:
        return ProcedureRelationId;
    case OBJECT_LANGUAGE:
        return LanguageRelationId;
    case OBJECT_LARGEOBJECT:
        return LargeObjectRelationId;
    case OBJECT_SCHEMA:
        return NamespaceRelationId;
    default:
        return InvalidOid;
    }
}

const char* schema_of(const ObjectAddress& address) {
    Oid schema = InvalidOid;
    if (address.classId == RelationRelationId) {
        schema = get_rel_namespace(address.objectId);
    } else if (address.classId == ProcedureRelationId) {
        schema = get_func_namespace(address.objectId);
    } else if (address.classId == TypeRelationId) {
        HeapTuple const tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(address.objectId));
        if (HeapTupleIsValid(tuple)) {
            schema = reinterpret_cast<const FormData_pg_type*>(GETSTRUCT(tuple))->typnamespace;
            ReleaseSysCache(tuple);
        }
    }
    return OidIsValid(schema) ? get_namespace_name_or_temp(schema) : nullptr;
}

Named named(const ObjectAddress& address, const char* tag) {
    return {address, tag, getObjectTypeDescription(&address ARDENT_MISSING_OK), schema_of(address),
            getObjectIdentity(&address ARDENT_MISSING_OK)};
}

/// The server names only the type of what was granted on.
void consider_grant(Objects& objects, const CollectedCommand* command, const char* tag) {
    const InternalGrant* const grant = command->d.grant.istmt;
    const Oid class_id = class_of(grant->objtype);
    ListCell* cell = nullptr;
    foreach (cell, grant->objects) {
        ObjectAddress address;
        ObjectAddressSet(address, class_id, lfirst_oid(cell));
        if (OidIsValid(class_id)) {
            consider(objects, named(address, tag));
        } else {
            report(objects, {{}, tag, "unknown", nullptr, nullptr});
        }
    }
}

/// A partition that is attached or detached.
Oid partition_of(const Node* part) {
    const Node* const definition = castNode(AlterTableCmd, part)->def;
    return definition != nullptr && IsA(definition, PartitionCmd)
               ? RangeVarGetRelid(castNode(PartitionCmd, definition)->name, NoLock, true)
               : InvalidOid;
}

void remember_parts(Objects& objects, const CollectedCommand* command) {
    ListCell* cell = nullptr;
    foreach (cell, command->d.alterTable.subcmds) {
        const auto* const part = static_cast<CollectedATSubcmd*>(lfirst(cell));
        remember_relations(objects, part->address);
        const Oid partition = partition_of(part->parsetree);
        if (OidIsValid(partition)) {
            remember_relation(objects, partition);
        }
    }
}

void consider_command(Objects& objects, const Datum* values, const bool* nulls) {
    const char* const tag = text_or_null(values, nulls, k_tag);
    const auto* const command =
        reinterpret_cast<const CollectedCommand*>(DatumGetPointer(values[k_command]));
    if (DatumGetBool(values[k_in_extension])) {
        ++objects.left_out;
        return;
    }
    if (command->type == SCT_Grant) {
        consider_grant(objects, command, tag);
        return;
    }
    if (command->type == SCT_AlterDefaultPrivileges) {
        report(objects, {{}, tag, "default acl", nullptr, nullptr});
        return;
    }
    ObjectAddress address;
    ObjectAddressSubSet(address, DatumGetObjectId(values[k_class]),
                        DatumGetObjectId(values[k_object]), DatumGetInt32(values[k_part]));
    const int before = objects.reported;
    consider(objects,
             {address, tag, text_or_null(values, nulls, k_type),
              text_or_null(values, nulls, k_schema), text_or_null(values, nulls, k_identity)});
    if (objects.reported == before) {
        return;
    }
    remember_relations(objects, address);
    if (command->type == SCT_AlterTable) {
        remember_parts(objects, command);
    }
}

}  // namespace

Objects no_objects() {
    Objects objects;
    objects.json = makeStringInfo();
    return objects;
}

Objects commanded_objects() {
    Objects objects = no_objects();
    // The server prints identities as the session prints names.
    const int level = quote_all_identifiers ? pin_printing() : 0;
    for_each_row(F_PG_EVENT_TRIGGER_DDL_COMMANDS, [&](const Datum* values, const bool* nulls) {
        consider_command(objects, values, nulls);
    });
    if (level != 0) {
        AtEOXact_GUC(true, level);
    }
    return objects;
}

Objects created_relation(Oid relation, const char* tag) {
    Objects objects = no_objects();
    ObjectAddress address;
    ObjectAddressSet(address, RelationRelationId, relation);
    consider(objects, named(address, tag));
    if (objects.reported > 0) {
        remember_relation(objects, relation);
    }
    return objects;
}

}  // namespace ardent::ext::capture
