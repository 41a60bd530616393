// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/values.hpp"

#include <sys/statvfs.h>

namespace ardent::ext::pg {

namespace {

std::string taken(char* text) {
    std::string result(text);
    pfree(text);
    return result;
}

struct Sink {
    Tuplestorestate* store;
    AttInMetadata* shape;
};

// Written by hand because the server's helper came with 15 and changed its name with 16.
Sink open_sink(FunctionCallInfo fcinfo) {
    auto* const info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (info == nullptr || !IsA(info, ReturnSetInfo) ||
        (info->allowedModes & SFRM_Materialize) == 0) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    }
    MemoryContext const before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
    Oid type = InvalidOid;
    TupleDesc shape = nullptr;
    if (get_call_result_type(fcinfo, &type, &shape) != TYPEFUNC_COMPOSITE) {
        shape = CreateTemplateTupleDesc(1);
        TupleDescInitEntry(shape, 1, "line", type, -1, 0);
    }
    Tuplestorestate* const store =
        tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    info->returnMode = SFRM_Materialize;
    info->setResult = store;
    info->setDesc = shape;
    const Sink sink = {store, TupleDescGetAttInMetadata(shape)};
    MemoryContextSwitchTo(before);
    return sink;
}

}  // namespace

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) {
        return std::nullopt;
    }
    return taken(call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
}

std::optional<std::string> name_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) {
        return std::nullopt;
    }
    return std::string(NameStr(*PG_GETARG_NAME(number)));
}

bool boolean_argument(FunctionCallInfo fcinfo, int number) {
    return !PG_ARGISNULL(number) && PG_GETARG_BOOL(number);
}

std::optional<std::string> jsonb_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) {
        return std::nullopt;
    }
    return taken(call([&] {
        Jsonb* const value = PG_GETARG_JSONB_P(number);
        return JsonbToCString(nullptr, &value->root, VARSIZE(value));
    }));
}

Datum text_result(const std::string& text) {
    const char* const bytes = text.data();
    const int length = static_cast<int>(text.size());
    return call([&] { return PointerGetDatum(cstring_to_text_with_len(bytes, length)); });
}

Datum jsonb_result(const std::string& text) {
    const char* const json = text.c_str();
    return call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json)); });
}

Datum rows_result(FunctionCallInfo fcinfo, const preflight::Rows& rows) {
    const Sink sink = call([&] { return open_sink(fcinfo); });
    std::vector<char*> cells;
    for (const preflight::Row& row : rows) {
        cells.clear();
        for (const preflight::Cell& cell : row) {
            cells.push_back(cell ? const_cast<char*>(cell->c_str()) : nullptr);
        }
        char** const values = cells.data();
        call([&] {
            HeapTuple const tuple = BuildTupleFromCStrings(sink.shape, values);
            tuplestore_puttuple(sink.store, tuple);
            heap_freetuple(tuple);
        });
    }
    return Datum(0);
}

bool speaks_utf8() {
    return GetDatabaseEncoding() == PG_UTF8 && pg_get_client_encoding() == PG_UTF8;
}

std::optional<std::string> wal_disk_free() {
    const bool allowed =
        call([] { return superuser() || has_privs_of_role(GetUserId(), k_role_monitor); });
    struct statvfs disk = {};
    if (!allowed || statvfs("pg_wal", &disk) != 0) {
        return std::nullopt;
    }
    return std::to_string(static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize);
}

}  // namespace ardent::ext::pg
