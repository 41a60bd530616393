// SPDX-License-Identifier: PostgreSQL
// What differs between the majors, each with its reason.
#pragma once

#include "extension/src/pg/prelude.hpp"

#if PG_VERSION_NUM < 130000
#error "Ardent needs PostgreSQL 13 or newer"
#endif

namespace ardent::ext::pg {

// 14 renamed the OIDs of the predefined roles (DEFAULT_ROLE_… before).
#if PG_VERSION_NUM < 140000
inline constexpr Oid k_role_monitor = DEFAULT_ROLE_MONITOR;
#else
inline constexpr Oid k_role_monitor = ROLE_PG_MONITOR;
#endif

// 14 brought pg_stat_wal.
inline constexpr bool k_has_wal_statistics = PG_VERSION_NUM >= 140000;

// 14 lets the catalog look-ups of object names answer "gone" instead of raising.
#if PG_VERSION_NUM < 140000
#define ARDENT_MISSING_OK
#else
#define ARDENT_MISSING_OK , true
#endif

// 14 added the flag of a protected tree to the utility hook; 14 also gave the parser its modes.
#if PG_VERSION_NUM < 140000
#define ARDENT_UTILITY_TREE
#define ARDENT_PASS_UTILITY_TREE
#define ARDENT_RAW_PARSE(text) raw_parser(text)
#else
#define ARDENT_UTILITY_TREE bool protected_tree,
#define ARDENT_PASS_UTILITY_TREE protected_tree,
#define ARDENT_RAW_PARSE(text) raw_parser(text, RAW_PARSE_DEFAULT)
#endif

// 15 keeps a constant's value in the node itself.
#if PG_VERSION_NUM < 150000
inline const char* string_of(const A_Const* constant) {
    return IsA(&constant->val, String) ? strVal(&constant->val) : nullptr;
}
#else
inline const char* string_of(const A_Const* constant) {
    return !constant->isnull && IsA(&constant->val, String) ? strVal(&constant->val) : nullptr;
}
#endif

// 16 gave walkers of trees a type of their own.
#if PG_VERSION_NUM < 160000
#define ARDENT_TREE_WALKER(walker) \
    reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker))
#else
#define ARDENT_TREE_WALKER(walker) walker
#endif

// 15 told unique indexes apart in which NULLs are equal.
#if PG_VERSION_NUM < 150000
inline bool nulls_not_distinct(const FormData_pg_index*) {
    return false;
}
#else
inline bool nulls_not_distinct(const FormData_pg_index* index) {
    return index->indnullsnotdistinct;
}
#endif

// 15 can change a table's access method; 13 and 14 have no such rewrite.
#if PG_VERSION_NUM < 150000
inline constexpr int k_rewrite_access_method = 0;
#else
inline constexpr int k_rewrite_access_method = AT_REWRITE_ACCESS_METHOD;
#endif

// 16 keeps the settings in a hash table, and makes their list when asked.
#if PG_VERSION_NUM < 160000
inline config_generic** settings(int* count) {
    *count = GetNumConfigOptions();
    return get_guc_variables();
}
#else
inline config_generic** settings(int* count) {
    return get_guc_variables(count);
}
#endif

// 17 asks whether the message is to be flushed at once.
#if PG_VERSION_NUM < 170000
#define ARDENT_LOG_MESSAGE(prefix, text, size) LogLogicalMessage(prefix, text, size, true)
#else
#define ARDENT_LOG_MESSAGE(prefix, text, size) LogLogicalMessage(prefix, text, size, true, false)
#endif

// 18 brought the magic block that names the module; its initialisers need C++20.
#if PG_VERSION_NUM >= 180000
#define ARDENT_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "ardent", .version = ARDENT_VERSION)
#else
#define ARDENT_MODULE_MAGIC PG_MODULE_MAGIC
#endif

}  // namespace ardent::ext::pg
