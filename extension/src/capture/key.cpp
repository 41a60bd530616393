// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/key.hpp"

#include "common/base/text.hpp"
#include "common/ddl/envelope.hpp"

namespace ardent::ext::capture {

namespace {

constexpr const char* k_current = "current";
constexpr const char* k_option = "key_";
constexpr const char* k_made = "made_";
// A server has no parts, so that nobody else locks one; the agent looks for this number.
constexpr uint16 k_lock_part = 14;

// The last answer of the catalogs; invalidated by the server when they change.
struct Cache {
    bool watching = false;
    bool known = false;
    bool present = false;
    Key key;
};

constinit Cache g_cache;

void invalidate(Datum /*argument*/, int /*cache*/, uint32 /*hash*/) {
    g_cache.known = false;
}

void watch() {
    if (!g_cache.watching) {
        CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate, Datum(0));
        CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate, Datum(0));
        g_cache.watching = true;
    }
}

/// `use` is called with each user mapping on our server.
template <class Use>
void for_each_mapping(Use&& use) {
    const Oid server = get_foreign_server_oid(k_server, true);
    if (!OidIsValid(server)) {
        return;
    }
    Relation const catalog = table_open(UserMappingRelationId, AccessShareLock);
    SysScanDesc const scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan)) {
        const auto* const mapping =
            reinterpret_cast<const FormData_pg_user_mapping*>(GETSTRUCT(tuple));
        if (mapping->umserver == server) {
            bool missing = false;
            const Datum options = heap_getattr(tuple, Anum_pg_user_mapping_umoptions,
                                               RelationGetDescr(catalog), &missing);
            use(mapping, missing ? NIL : untransformRelOptions(options));
        }
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

const char* option(List* options, const char* name) {
    ListCell* cell = nullptr;
    foreach (cell, options) {
        auto* const element = static_cast<DefElem*>(lfirst(cell));
        if (std::strcmp(element->defname, name) == 0) {
            return defGetString(element);
        }
    }
    return nullptr;
}

/// As ddl::message_prefix.
void write_prefix(Key& key) {
    pg::Hmac code;
    pg::hmac_sha256(key.bytes, {ddl::k_prefix_label}, code);
    char digits[ddl::k_prefix_digits + 1] = "";
    hex_encode(reinterpret_cast<const char*>(code.data()), ddl::k_prefix_digits / 2, digits);
    snprintf(key.prefix, sizeof key.prefix, "%s.%s", ddl::k_name, digits);
}

bool read_key(List* options, Key& key) {
    const char* const id = option(options, k_current);
    unsigned char ignored[8];
    if (id == nullptr || !base::from_hex(id, ignored, sizeof ignored)) {
        return false;
    }
    strlcpy(key.id, id, sizeof key.id);
    const char* const bytes = option(options, psprintf("%s%s", k_option, id));
    if (bytes == nullptr || !base::from_hex(bytes, key.bytes.data(), key.bytes.size())) {
        return false;
    }
    write_prefix(key);
    return true;
}

char* random_hex(std::size_t bytes) {
    char raw[pg::k_key_bytes];
    if (!pg_strong_random(raw, bytes)) {
        return nullptr;
    }
    auto* const text = static_cast<char*>(palloc(bytes * 2 + 1));
    hex_encode(raw, bytes, text);
    text[2 * bytes] = '\0';
    return text;
}

List* with_option(List* options, const char* name, const char* value) {
    return lappend(options, makeDefElem(pstrdup(name),
                                        reinterpret_cast<Node*>(makeString(pstrdup(value))), -1));
}

/// The end of the WAL, as text.
const char* position() {
    const XLogRecPtr end = GetXLogInsertRecPtr();
    return psprintf("%X/%X", static_cast<unsigned>(end >> 32), static_cast<unsigned>(end));
}

/// The options of any mapping, NIL without one; and whether the role has one.
List* present_options(Oid role, bool& has) {
    List* options = NIL;
    has = false;
    for_each_mapping([&](const FormData_pg_user_mapping* mapping, List* its) {
        options = options == NIL ? its : options;
        has = has || mapping->umuser == role;
    });
    return options;
}

}  // namespace

bool is_key_mapping(const char* identity) {
    constexpr std::string_view k_place = " on server ardent_ddl";
    return std::string_view(identity).ends_with(k_place);
}

bool holds_last_key(Oid mapping) {
    bool holds = false;
    bool others = false;
    for_each_mapping([&](const FormData_pg_user_mapping* one, List*) {
        holds = holds || one->oid == mapping;
        others = others || one->oid != mapping;
    });
    return holds && !others;
}

const Key* current_key() {
    watch();
    if (!g_cache.known) {
        Key found;
        bool present = false;
        for_each_mapping([&](const FormData_pg_user_mapping*, List* options) {
            present = present || read_key(options, found);
        });
        g_cache.key = found;
        g_cache.present = present;
        g_cache.known = true;
    }
    return g_cache.present ? &g_cache.key : nullptr;
}

// An object lock is given back after the transaction can be seen by others.
void announce_keys() {
    LockDatabaseObject(ForeignServerRelationId, get_foreign_server_oid(k_server, false),
                       k_lock_part, AccessExclusiveLock);
}

bool lacks_keys(const char* role) {
    bool has = false;
    present_options(get_role_oid(role, false), has);
    return !has;
}

// By the server's own function and not as a statement, whose text would be in logs and statistics.
const char* provide_keys(const char* role) {
    const Oid oid = get_role_oid(role, false);
    bool has = false;
    List* options = present_options(oid, has);
    Key key;
    if (!has) {
        if (options == NIL) {
            const char* const id = random_hex(8);
            const char* const bytes = random_hex(pg::k_key_bytes);
            if (id == nullptr || bytes == nullptr) {
                return nullptr;
            }
            options = with_option(NIL, k_current, id);
            options = with_option(options, psprintf("%s%s", k_option, id), bytes);
            options = with_option(options, psprintf("%s%s", k_made, id), position());
        }
        auto* const owner = makeNode(RoleSpec);
        owner->roletype = ROLESPEC_CSTRING;
        owner->rolename = pstrdup(role);
        owner->location = -1;
        auto* const statement = makeNode(CreateUserMappingStmt);
        statement->user = owner;
        statement->servername = pstrdup(k_server);
        statement->options = options;
        CreateUserMapping(statement);
        CommandCounterIncrement();
    }
    return read_key(options, key) ? pstrdup(key.id) : nullptr;
}

List* forget_keys() {
    List* mappings = NIL;
    List* roles = NIL;
    for_each_mapping([&](const FormData_pg_user_mapping* mapping, List*) {
        mappings = lappend_oid(mappings, mapping->oid);
        char* const role = GetUserNameFromId(mapping->umuser, true);
        roles = role == nullptr ? roles : lappend(roles, role);
    });
    ListCell* cell = nullptr;
    foreach (cell, mappings) {
        ObjectAddress address;
        ObjectAddressSet(address, UserMappingRelationId, lfirst_oid(cell));
        performDeletion(&address, DROP_CASCADE, 0);
    }
    CommandCounterIncrement();
    return roles;
}

}  // namespace ardent::ext::capture
