// SPDX-License-Identifier: PostgreSQL
// Switches capture of this database on and off. May raise, holds nothing to destroy.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::capture {

/// Gives the role its keys, made when there are none, and enables the event triggers. Returns what
/// to tell; nullptr when the role has none yet and a stream of this database, which would leave out
/// its messages, did not end.
char* switch_on(const char* role);
/// All event triggers of capture fire always.
bool is_switched_on();
/// That will not be so any more: the event trigger, which has just been changed, was one of them.
bool switches_off(Oid event_trigger);
/// Disables the event triggers; `forget` also removes the keys.
char* switch_off(bool forget);

}  // namespace ardent::ext::capture
