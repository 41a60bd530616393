// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/session_settings.hpp"

#include "common/ddl/settings.hpp"

#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

// The server looks a setting up by its name for each question. Its record stays where it is as long
// as the backend lives.
struct Record {
    const config_generic* server = nullptr;  // nullptr: this major does not have it
    bool ordinary_by_default = false;
};

struct Records {
    bool found = false;
    Record of[ddl::k_settings.size()];
};

constinit Records g_records;

bool is_default(const Record& record) {
    return record.server->source == PGC_S_DEFAULT;
}

void find_records() {
    int count = 0;
    config_generic** const all = pg::settings(&count);
    for (std::size_t i = 0; i < ddl::k_settings.size(); ++i) {
        for (int j = 0; j < count; ++j) {
            if (std::strcmp(all[j]->name, ddl::k_settings[i].name) == 0) {
                g_records.of[i].server = all[j];
            }
        }
    }
    g_records.found = true;
}

List* function_options(const Node* tree) {
    if (tree != nullptr && IsA(tree, CreateFunctionStmt)) {
        return castNode(CreateFunctionStmt, tree)->options;
    }
    return tree != nullptr && IsA(tree, AlterFunctionStmt)
               ? castNode(AlterFunctionStmt, tree)->actions
               : NIL;
}

}  // namespace

void write_current(Json& json, const Node* tree) {
    bool any = false;
    ListCell* cell = nullptr;
    foreach (cell, function_options(tree)) {
        const auto* const option = static_cast<const DefElem*>(lfirst(cell));
        if (option->arg == nullptr || !IsA(option->arg, VariableSetStmt) ||
            castNode(VariableSetStmt, option->arg)->kind != VAR_SET_CURRENT) {
            continue;
        }
        if (!any) {
            json.key("current").open();
        }
        any = true;
        const char* const name = castNode(VariableSetStmt, option->arg)->name;
        json.foreign_key(name).text(GetConfigOption(name, true, false));
    }
    if (any) {
        json.close();
    }
}

void write_settings(Json& json) {
    if (!g_records.found) {
        find_records();
    }
    json.open();
    for (std::size_t i = 0; i < ddl::k_settings.size(); ++i) {
        Record& record = g_records.of[i];
        if (record.server == nullptr || (record.ordinary_by_default && is_default(record))) {
            continue;
        }
        const ddl::Setting& setting = ddl::k_settings[i];
        const char* const value = GetConfigOption(setting.name, true, false);
        if (value == nullptr || std::strcmp(value, setting.ordinary) != 0) {
            json.field(setting.name, value);
        } else if (is_default(record)) {
            record.ordinary_by_default = true;
        }
    }
    json.close();
}

}  // namespace ardent::ext::capture
