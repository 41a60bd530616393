// SPDX-License-Identifier: PostgreSQL
// Empties tables as TRUNCATE does, and asks no foreign key: the tables that refer to them are empty
// too, for the source was asked; or they are unlogged, and their rows are not carried.
#pragma once

#include "replica/src/server.hpp"

namespace ardent::rows {

/// `relations`: an oid[] of tables whose owner the caller can become. Partitions and inheritance
/// children are named themselves, or keep their rows. Waits for whoever reads them. Nothing of the
/// source's is called.
void truncate_tables(ArrayType* relations);

}  // namespace ardent::rows
