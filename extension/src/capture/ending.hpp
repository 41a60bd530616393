// SPDX-License-Identifier: PostgreSQL
// Capture that is switched off, or goes away with what it consists of (DROP SCHEMA public CASCADE
// takes the extension along), writes a last message at the end of the transaction: whoever reads
// the stream would take what follows for all that there is. For the hook of object access; may
// raise, holds nothing to destroy.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

/// An object is about to be dropped. The catalogs still show it.
void note_end_by_drop(const ObjectAddress& object);
/// An event trigger was altered. The catalogs show it as it was.
void note_end_by_alter(Oid event_trigger);

}  // namespace ardent::ext::capture
