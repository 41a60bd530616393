// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/compat.hpp"

extern "C" {
ARDENT_MODULE_MAGIC;
}
