// SPDX-License-Identifier: PostgreSQL
// The only door to server headers in this room, and what differs between PostgreSQL 13 and 18.
//
// This library is built without exceptions and has no object with a destructor anywhere: a server
// error may jump over every frame in it, and no exception can leave it. Memory comes from the
// server's memory contexts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/makefuncs.h"
#include "partitioning/partdesc.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif
}
#pragma GCC diagnostic pop

#if PG_VERSION_NUM < 140000
#define PG_LSNOID LSNOID
#endif

// Before 16 a tree walker is declared as bool (*)(), which C++ takes literally.
#if PG_VERSION_NUM >= 160000
#define ARDENT_WALKER(function) function
#else
#define ARDENT_WALKER(function) reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(function))
#endif

namespace ardent::rows {

#if PG_VERSION_NUM >= 160000
using UpdateIndexes = TU_UpdateIndexes;
inline bool any_index(UpdateIndexes which) {
    return which != TU_None;
}
/// A HOT update, of which BRIN indexes have to know.
inline bool only_summarizing(UpdateIndexes which) {
    return which == TU_Summarizing;
}
#else
using UpdateIndexes = bool;
inline bool any_index(UpdateIndexes which) {
    return which;
}
inline bool only_summarizing(UpdateIndexes which) {
    (void)which;
    return false;
}
#endif

/// Zeroed memory of the current context, for this many and one more: none is a number, too.
template <class T>
T* take_zeroed(int count) {
    return static_cast<T*>(palloc0(sizeof(T) * (static_cast<Size>(count) + 1)));
}

/// Stored columns have a value of their own; dropped and virtual generated ones have none.
inline bool is_stored(Form_pg_attribute attribute) {
    return !attribute->attisdropped && attribute->attgenerated != 'v';
}

}  // namespace ardent::rows
