// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/switch.hpp"

#include "extension/src/capture/key.hpp"
#include "extension/src/capture/streams.hpp"

#include "extension/src/pg/boundary.hpp"

namespace ardent::ext::capture {

namespace {

// Their names sort before those of an application (extension/ardent.sql).
constexpr const char* k_triggers[] = {"!ardent_ddl_command_start", "!ardent_sql_drop",
                                      "!ardent_table_rewrite", "!ardent_ddl_command_end"};

bool fires_always(HeapTuple tuple) {
    return reinterpret_cast<const FormData_pg_event_trigger*>(GETSTRUCT(tuple))->evtenabled ==
           TRIGGER_FIRES_ALWAYS;
}

bool is_own_trigger(HeapTuple tuple) {
    const char* const name =
        NameStr(reinterpret_cast<const FormData_pg_event_trigger*>(GETSTRUCT(tuple))->evtname);
    for (const char* const own : k_triggers) {
        if (std::strcmp(name, own) == 0) {
            return true;
        }
    }
    return false;
}

void set_triggers(char enabled) {
    for (const char* const trigger : k_triggers) {
        auto* const statement = makeNode(AlterEventTrigStmt);
        statement->trigname = pstrdup(trigger);
        statement->tgenabled = enabled;
        AlterEventTrigger(statement);
    }
    CommandCounterIncrement();
}

void execute(const char* statement) {
    SPI_connect();
    SPI_execute(statement, false, 0);
    SPI_finish();
}

}  // namespace

bool is_switched_on() {
    for (const char* const trigger : k_triggers) {
        HeapTuple const tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(trigger));
        if (!HeapTupleIsValid(tuple)) {
            return false;
        }
        const bool fires = fires_always(tuple);
        ReleaseSysCache(tuple);
        if (!fires) {
            return false;
        }
    }
    return true;
}

// What a command has just written is seen by SnapshotSelf alone, before the next command.
bool switches_off(Oid event_trigger) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_event_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(event_trigger));
    Relation const catalog = table_open(EventTriggerRelationId, AccessShareLock);
    SysScanDesc const scan =
        systable_beginscan(catalog, EventTriggerOidIndexId, true, SnapshotSelf, 1, &key);
    HeapTuple const now = systable_getnext(scan);
    const bool off = HeapTupleIsValid(now) && is_own_trigger(now) && !fires_always(now);
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return off && is_switched_on();
}

char* switch_on(const char* role) {
    announce_keys();
    if (lacks_keys(role) && !end_streams()) {
        return nullptr;
    }
    const char* const id = provide_keys(role);
    if (id == nullptr) {
        pg::warn("the user mapping of the role holds no usable key",
                 "SELECT ardent_ddl_capture(false, forget_keys => true) removes it.");
        return pstrdup("DDL capture was not switched on");
    }
    execute(psprintf("GRANT USAGE ON FOREIGN SERVER %s TO %s", k_server, quote_identifier(role)));
    set_triggers(TRIGGER_FIRES_ALWAYS);
    if (!XLogLogicalInfoActive()) {
        pg::warn("DDL capture writes nothing while wal_level is below logical",
                 "SELECT ardent_settings_script() prints what to set.");
    }
    return psprintf("DDL capture of database %s is on; messages are signed with key %s",
                    quote_identifier(get_database_name(MyDatabaseId)), id);
}

char* switch_off(bool forget) {
    set_triggers(TRIGGER_DISABLED);
    const char* kept = "the keys are kept";
    if (forget) {
        List* const roles = forget_keys();
        ListCell* cell = nullptr;
        foreach (cell, roles) {
            execute(psprintf("REVOKE USAGE ON FOREIGN SERVER %s FROM %s", k_server,
                             quote_identifier(static_cast<const char*>(lfirst(cell)))));
        }
        kept = "the keys are gone";
    }
    return psprintf("DDL capture of database %s is off; %s",
                    quote_identifier(get_database_name(MyDatabaseId)), kept);
}

}  // namespace ardent::ext::capture
