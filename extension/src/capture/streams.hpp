// SPDX-License-Identifier: PostgreSQL
// Streams of Ardent's slots of this database. May raise, holds nothing to destroy.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

/// Ends those that there are, and waits until their slots are free of them: an agent begins anew,
/// and one that begins meanwhile sees what announce_keys() locked. False when one has not ended in
/// half a minute. On this server alone: an agent that reads from a standby gets to know a new key
/// later (docs/ddl.md).
bool end_streams();

}  // namespace ardent::ext::capture
