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

// 18 brought the magic block that names the module; its initialisers need C++20.
#if PG_VERSION_NUM >= 180000
#define ARDENT_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "ardent", .version = ARDENT_VERSION)
#else
#define ARDENT_MODULE_MAGIC PG_MODULE_MAGIC
#endif

}  // namespace ardent::ext::pg
