// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/switch.hpp"

#include "extension/src/capture/key.hpp"
#include "extension/src/capture/streams.hpp"

#include "extension/src/pg/boundary.hpp"

namespace ardent::ext::capture {

namespace {

constexpr const char* k_triggers[] = {"ardent_ddl_command_start", "ardent_sql_drop",
                                      "ardent_table_rewrite", "ardent_ddl_command_end"};

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
