// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/capture.hpp"

#include "extension/src/pg/compat.hpp"

extern "C" {
ARDENT_MODULE_MAGIC;

// NOLINTBEGIN(bugprone-reserved-identifier): the server's name for it
PGDLLEXPORT void _PG_init(void);

PGDLLEXPORT void _PG_init(void) {
    ardent::ext::capture::initialize();
}
// NOLINTEND(bugprone-reserved-identifier)
}
