// SPDX-License-Identifier: PostgreSQL
// The rows of a set-returning function of the server, called without a query. C inside: may raise,
// holds nothing to destroy.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

/// `use` is called for each row with the values and the NULL flags of its columns.
template <class Use>
void for_each_row(Oid function, Use&& use) {
    FmgrInfo info;
    fmgr_info(function, &info);
    ExprContext* const context = CreateStandaloneExprContext();
    ReturnSetInfo result = {};
    result.type = T_ReturnSetInfo;
    result.econtext = context;
    result.allowedModes = SFRM_Materialize;
    result.returnMode = SFRM_Materialize;
    LOCAL_FCINFO(call_info, 0);
    InitFunctionCallInfoData(*call_info, &info, 0, InvalidOid, nullptr,
                             reinterpret_cast<Node*>(&result));
    FunctionCallInvoke(call_info);
    if (result.setResult != nullptr) {
        const int columns = result.setDesc->natts;
        auto* const values =
            static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(columns)));
        auto* const nulls =
            static_cast<bool*>(palloc(sizeof(bool) * static_cast<std::size_t>(columns)));
        TupleTableSlot* const slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
        while (tuplestore_gettupleslot(result.setResult, true, false, slot)) {
            slot_getallattrs(slot);
            std::memcpy(values, slot->tts_values,
                        sizeof(Datum) * static_cast<std::size_t>(columns));
            std::memcpy(nulls, slot->tts_isnull, sizeof(bool) * static_cast<std::size_t>(columns));
            use(values, nulls);
        }
        ExecDropSingleTupleTableSlot(slot);
        tuplestore_end(result.setResult);
    }
    FreeExprContext(context, true);
}

inline const char* text_or_null(const Datum* values, const bool* nulls, int column) {
    return nulls[column] ? nullptr : TextDatumGetCString(values[column]);
}

}  // namespace ardent::ext::capture
