// SPDX-License-Identifier: PostgreSQL
// DDL capture: what happens at each event of a statement. Throws PgError and std exceptions; what
// goes wrong while a message is formed becomes a mark in the stream and breaks nobody's statement,
// unless ardent.ddl_capture_strict is on.
#pragma once

#include "extension/src/capture/statement.hpp"

namespace ardent::ext::capture {

enum class Event { start, drop, rewrite, end };

/// Setting and hooks; from _PG_init.
void initialize();

/// An event trigger has fired.
void handle(Event event, const EventTriggerData* data);

}  // namespace ardent::ext::capture
