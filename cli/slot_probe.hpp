// SPDX-License-Identifier: PostgreSQL
// --probe-slot: a temporary slot proves from outside that the server loads wal2json. It is dropped
// before anything else is asked; should this program die, it goes with its session, which waits for
// nothing longer than the lock timeout that it was started with.
#pragma once

#include "cli/source_url.hpp"
#include "common/pq/connection.hpp"
#include "common/preflight/preflight.hpp"

#include <string>

namespace ardent::cli {

/// Takes at most about ten seconds. `connection` is idle; it is asked who is in the way. Never
/// throws for what the source answers: it is in the result.
preflight::SlotProbe probe_slot(const SourceUrl& url, pq::Connection& connection,
                                const std::string& role);

}  // namespace ardent::cli
