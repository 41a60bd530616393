// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/query.hpp"

#include "extension/src/pg/boundary.hpp"
#include "extension/src/pg/values.hpp"

#include "common/base/error.hpp"

#include <dlfcn.h>

#include <fstream>
#include <iterator>

namespace ardent::ext::pg {

namespace {

struct Table {
    std::size_t rows;
    std::size_t columns;
    char** cells;  // palloc'd in the context of the caller; nullptr is NULL
};

struct Statement {
    const char* sql;
    int parameters;
    const char* const* values;
};

// C inside: nothing here has a destructor.
Table fetch(const Statement& statement) {
    MemoryContext const outside = CurrentMemoryContext;
    if (SPI_connect() != SPI_OK_CONNECT) {
        elog(ERROR, "SPI_connect failed");
    }
    const int count = statement.parameters;
    Oid* const types = static_cast<Oid*>(palloc(sizeof(Oid) * (count + 1)));
    Datum* const values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    char* const nulls = static_cast<char*>(palloc(count + 1));
    for (int i = 0; i < count; ++i) {
        types[i] = TEXTOID;
        nulls[i] = statement.values[i] == nullptr ? 'n' : ' ';
        values[i] =
            statement.values[i] == nullptr ? Datum(0) : CStringGetTextDatum(statement.values[i]);
    }
    const int done = SPI_execute_with_args(statement.sql, count, types, values, nulls, true, 0);
    if (done != SPI_OK_SELECT) {
        elog(ERROR, "a statement of the preflight catalogue is no SELECT (SPI result %d)", done);
    }
    TupleDesc const shape = SPI_tuptable->tupdesc;
    Table table = {static_cast<std::size_t>(SPI_processed), static_cast<std::size_t>(shape->natts),
                   nullptr};
    table.cells = static_cast<char**>(
        MemoryContextAllocHuge(outside, sizeof(char*) * (table.rows * table.columns + 1)));
    for (std::size_t row = 0; row < table.rows; ++row) {
        for (std::size_t column = 0; column < table.columns; ++column) {
            char* const value =
                SPI_getvalue(SPI_tuptable->vals[row], shape, static_cast<int>(column) + 1);
            table.cells[row * table.columns + column] =
                value == nullptr ? nullptr : MemoryContextStrdup(outside, value);
        }
    }
    SPI_finish();
    return table;
}

preflight::Rows take(const Table& table) {
    preflight::Rows rows(table.rows);
    for (std::size_t row = 0; row < table.rows; ++row) {
        for (std::size_t column = 0; column < table.columns; ++column) {
            char* const cell = table.cells[row * table.columns + column];
            rows[row].push_back(cell == nullptr ? preflight::Cell() : preflight::Cell(cell));
            if (cell != nullptr) {
                pfree(cell);
            }
        }
    }
    pfree(table.cells);
    return rows;
}

/// A cancelled statement, a shutdown or an exhausted server is no answer of a check.
bool ends_the_statement(const PgError& error) {
    const std::string sqlstate = error.sqlstate();
    const std::string cls = sqlstate.substr(0, 2);
    return cls == "57" || cls == "53" || cls == "XX" || cls == "40";
}

base::Error as_answer(const PgError& error) {
    const char* const hint = error.data()->hint;
    return {base::ErrorKind::source, error.what(), hint == nullptr ? "" : hint, error.sqlstate()};
}

std::vector<const char*> as_values(const preflight::Row& parameters) {
    std::vector<const char*> values;
    for (const preflight::Cell& parameter : parameters) {
        values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    return values;
}

bool file_contains(const char* path, std::string_view wanted) {
    std::ifstream file(path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)),
                              std::istreambuf_iterator<char>());
    return content.find(wanted) != std::string::npos;
}

}  // namespace

preflight::Rows SpiRunner::run(const std::string& sql, const preflight::Row& parameters) {
    const std::vector<const char*> values = as_values(parameters);
    const Statement statement = {sql.c_str(), static_cast<int>(values.size()), values.data()};
    try {
        return take(subtransaction([&] { return fetch(statement); }));
    } catch (const PgError& e) {
        if (ends_the_statement(e)) {
            throw;
        }
        throw as_answer(e);
    }
}

preflight::PluginProbe BackendProbe::probe_plugin(const std::string& library) {
    preflight::PluginProbe result;
    const char* const name = library.c_str();
    try {
        void* const entry = subtransaction([&] {
            return reinterpret_cast<void*>(
                load_external_function(name, "_PG_output_plugin_init", true, nullptr));
        });
        result.loadable = true;
        Dl_info place = {};
        if (dladdr(entry, &place) != 0 && place.dli_fname != nullptr) {
            result.says_nan = file_contains(place.dli_fname, "numeric-data-types-as-string");
        }
    } catch (const PgError& e) {
        if (ends_the_statement(e)) {
            throw;
        }
        result.missing = e.data()->sqlerrcode == ERRCODE_UNDEFINED_FILE;
        result.problem = e.what();
    }
    return result;
}

preflight::Rows BackendProbe::run_privileged(const std::string& sql,
                                             const preflight::Row& parameters) {
    const std::vector<const char*> values = as_values(parameters);
    const Statement statement = {sql.c_str(), static_cast<int>(values.size()), values.data()};
    try {
        return take(subtransaction([&] {
            Oid user = InvalidOid;
            int context = 0;
            GetUserIdAndSecContext(&user, &context);
            SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE |
                                                              SECURITY_RESTRICTED_OPERATION);
            const Table table = fetch(statement);
            SetUserIdAndSecContext(user, context);
            return table;
        }));
    } catch (const PgError& e) {
        if (ends_the_statement(e)) {
            throw;
        }
        throw as_answer(e);
    }
}

std::optional<std::string> BackendProbe::wal_disk_free() {
    return pg::wal_disk_free();
}

}  // namespace ardent::ext::pg
