// SPDX-License-Identifier: PostgreSQL
// The SQL functions (environment/replica/writer_functions.cpp declares them). Only the role that
// applies may call them, and only with the secret that the superuser gave it: text of the source
// that comes to run as that role, in DDL for instance, does not know it.
#include "replica/src/operations.hpp"
#include "replica/src/truncate.hpp"

extern "C" {
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(ardent_replica_version);
PG_FUNCTION_INFO_V1(ardent_open_writer);
PG_FUNCTION_INFO_V1(ardent_write_rows);
PG_FUNCTION_INFO_V1(ardent_copy_rows);
PG_FUNCTION_INFO_V1(ardent_truncate_tables);
PG_FUNCTION_INFO_V1(ardent_advance_progress);
PGDLLEXPORT Datum ardent_replica_version(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ardent_open_writer(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ardent_write_rows(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ardent_copy_rows(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ardent_truncate_tables(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ardent_advance_progress(PG_FUNCTION_ARGS);
}

namespace ardent::rows {

namespace {

// Counted up when a function's arguments or the bytes that it takes change.
constexpr int32 k_version = 1;
// The objid and objsubid of the lock in pg_locks, where environment/replica/writer_functions.cpp
// looks for it.
constexpr uint32 k_writer_key = 0x41726465;  // "Arde"
constexpr uint16 k_writer_kind = 3;          // SQL's own functions have 1 and 2

/// Of this session; lives in TopMemoryContext. nullptr: none yet.
bytea* session_secret = nullptr;

void require_secret(const bytea* secret) {
    const Size size = VARSIZE_ANY_EXHDR(secret);
    unsigned different = 1;
    if (session_secret != nullptr && size == VARSIZE_ANY_EXHDR(session_secret)) {
        different = 0;
        for (Size i = 0; i < size; ++i) {
            different |=
                static_cast<unsigned>(VARDATA_ANY(secret)[i] ^ VARDATA_ANY(session_secret)[i]);
        }
    }
    if (different != 0) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("only the session that opened the writer may write")));
    }
}

bool is_locked_here(const LOCKTAG* tag) {
#if PG_VERSION_NUM >= 170000
    return LockHeldByMe(tag, ExclusiveLock, false);
#else
    return LockHeldByMe(tag, ExclusiveLock);
#endif
}

/// Runs one statement of ours as the superuser, whose tables schema ardent has; returns the number
/// of rows.
uint64 run_privileged(SPIPlanPtr* plan, const char* statement, int count, Oid* types, Datum* values,
                      const char* nulls) {
    Oid caller = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&caller, &context);
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
    SPI_connect();
    if (*plan == nullptr) {
        SPIPlanPtr const prepared = SPI_prepare(statement, count, types);
        if (prepared == nullptr || SPI_keepplan(prepared) != 0) {
            ereport(ERROR, (errmsg("a statement of Ardent's cannot be prepared: %s",
                                   SPI_result_code_string(SPI_result))));
        }
        *plan = prepared;
    }
    if (SPI_execute_plan(*plan, values, nulls, false, 0) < 0) {
        ereport(ERROR,
                (errmsg("a statement of Ardent's failed: %s", SPI_result_code_string(SPI_result))));
    }
    const uint64 rows = SPI_processed;
    SPI_finish();
    SetUserIdAndSecContext(caller, context);
    return rows;
}

/// One writer a database, until the session ends. An advisory lock of a kind that no SQL function
/// takes or gives back by its key; pg_advisory_unlock_all, called by code of the source, does: so
/// it is looked for before each commit.
void lock_writer(bool wait) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, k_writer_key, k_writer_kind);
    if (is_locked_here(&tag)) {
        return;
    }
    if (LockAcquire(&tag, ExclusiveLock, true, !wait) == LOCKACQUIRE_NOT_AVAIL) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("another session has become the one that writes")));
    }
}

/// "ardent: row 17 at LSN 0/16B3748": what the environment reads out of an error
/// (replica_session.cpp).
void add_context(void* argument) {
    const auto* const progress = static_cast<const Progress*>(argument);
    errcontext("ardent: row " INT64_FORMAT " at LSN %X/%X", progress->ordinal,
               static_cast<unsigned>(progress->lsn >> 32U), static_cast<unsigned>(progress->lsn));
}

/// The outer context is hidden meanwhile: with log_parameter_max_length_on_error it would tell our
/// parameters, the secret among them, to any function that asks for PG_CONTEXT.
struct Place {
    Progress progress;
    ErrorContextCallback callback;
    ErrorContextCallback* outer;
};

void push_context(Place* place) {
    *place = {};
    place->callback.callback = add_context;
    place->callback.arg = &place->progress;
    place->outer = error_context_stack;
    error_context_stack = &place->callback;
}

void pop_context(const Place* place) {
    error_context_stack = place->outer;
}

}  // namespace

Datum replica_version() {
    return Int32GetDatum(k_version);
}

void open_writer(FunctionCallInfo fcinfo) {
    bytea* const secret = PG_GETARG_BYTEA_PP(0);
    if (session_secret != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the writer of this session is open")));
    }
    static SPIPlanPtr plan = nullptr;
    Oid type = BYTEAOID;
    Datum value = PG_GETARG_DATUM(0);
    constexpr const char* statement =
        "SELECT FROM ardent.writer WHERE hash OPERATOR(pg_catalog.=) pg_catalog.sha256($1)";
    if (run_privileged(&plan, statement, 1, &type, &value, " ") == 0) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("this is not the writer's secret")));
    }
    lock_writer(true);
    auto* const kept =
        static_cast<bytea*>(MemoryContextAlloc(TopMemoryContext, VARSIZE_ANY(secret)));
    std::memcpy(kept, secret, VARSIZE_ANY(secret));
    session_secret = kept;
}

void write_rows(FunctionCallInfo fcinfo) {
    require_secret(PG_GETARG_BYTEA_PP(0));
    Place place;
    push_context(&place);
    Table* const table = open_table(PG_GETARG_OID(1), text_to_cstring(PG_GETARG_TEXT_PP(2)));
    const Columns identity = read_columns(table, PG_GETARG_ARRAYTYPE_P(3));
    const Columns columns = read_columns(table, PG_GETARG_ARRAYTYPE_P(4));
    bytea* const bytes = PG_GETARG_BYTEA_PP(5);
    apply_operations(table, identity, columns, VARDATA_ANY(bytes),
                     static_cast<int64>(VARSIZE_ANY_EXHDR(bytes)), &place.progress);
    close_table(table);
    pop_context(&place);
}

int64 copy_rows(FunctionCallInfo fcinfo) {
    require_secret(PG_GETARG_BYTEA_PP(0));
    Place place;
    push_context(&place);
    Table* const table = open_table(PG_GETARG_OID(1), text_to_cstring(PG_GETARG_TEXT_PP(2)));
    const Columns columns = read_columns(table, PG_GETARG_ARRAYTYPE_P(3));
    bytea* const lines = PG_GETARG_BYTEA_P_COPY(4);
    const int64 rows =
        insert_lines(table, columns, VARDATA(lines), static_cast<int64>(VARSIZE(lines) - VARHDRSZ),
                     PG_GETARG_BOOL(5), &place.progress);
    close_table(table);
    pop_context(&place);
    return rows;
}

void advance_progress(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("no secret")));
    }
    require_secret(PG_GETARG_BYTEA_PP(0));
    lock_writer(false);
    constexpr int arguments = 4;
    Oid types[arguments] = {PG_LSNOID, TIMESTAMPTZOID, PG_LSNOID, INT8OID};
    Datum values[arguments] = {};
    char nulls[arguments] = {};
    for (int i = 0; i < arguments; ++i) {
        values[i] = PG_GETARG_DATUM(i + 1);
        nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
    }
    static SPIPlanPtr plan = nullptr;
    constexpr const char* statement = R"sql(
UPDATE ardent.progress
   SET durable_lsn = $1,
       commit_timestamp = COALESCE($2, commit_timestamp),
       timeline = COALESCE($4, timeline),
       applied_at = pg_catalog.clock_timestamp()
 WHERE durable_lsn OPERATOR(pg_catalog.=) $3
)sql";
    if (run_privileged(&plan, statement, arguments, types, values, nulls) != 1) {
        ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
                        errmsg("the progress is not where this session left it")));
    }
}

}  // namespace ardent::rows

Datum ardent_replica_version(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return ardent::rows::replica_version();
}

Datum ardent_open_writer(PG_FUNCTION_ARGS) {
    ardent::rows::open_writer(fcinfo);
    PG_RETURN_VOID();
}

Datum ardent_write_rows(PG_FUNCTION_ARGS) {
    ardent::rows::write_rows(fcinfo);
    PG_RETURN_VOID();
}

Datum ardent_copy_rows(PG_FUNCTION_ARGS) {
    PG_RETURN_INT64(ardent::rows::copy_rows(fcinfo));
}

Datum ardent_truncate_tables(PG_FUNCTION_ARGS) {
    ardent::rows::require_secret(PG_GETARG_BYTEA_PP(0));
    ardent::rows::truncate_tables(PG_GETARG_ARRAYTYPE_P(1));
    PG_RETURN_VOID();
}

Datum ardent_advance_progress(PG_FUNCTION_ARGS) {
    ardent::rows::advance_progress(fcinfo);
    PG_RETURN_VOID();
}
