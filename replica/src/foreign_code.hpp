// SPDX-License-Identifier: PostgreSQL
// Code of the source that a table still calls while its rows are written, and what becomes of the
// settings that it changes.
#pragma once

#include "replica/src/server.hpp"

namespace ardent::rows {

/// True when writing a row may call a function that is not the server's own: of an index's
/// expression or predicate, an operator class, a partition's bounds, or a range type. Its indexes
/// are open in `info`.
bool calls_foreign_code(const ResultRelInfo* info);

/// Around whatever may call it. What that code sets by set_config is put back by leave_foreign, so
/// that the next value is read as the one before. Costs next to nothing when nothing was set, and
/// nothing when `foreign` is false.
inline int enter_foreign(bool foreign) {
    return foreign ? NewGUCNestLevel() : 0;
}
inline void leave_foreign(int level) {
    if (level != 0) {
        AtEOXact_GUC(false, level);
    }
}

}  // namespace ardent::rows
