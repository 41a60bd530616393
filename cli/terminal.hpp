// SPDX-License-Identifier: PostgreSQL
// What the terminal can show. What may go there is process::PrintableOutput's business.
#pragma once

#include "common/preflight/preflight.hpp"

namespace ardent::cli {

/// What the locale of the environment can show.
preflight::Letters terminal_letters();

}  // namespace ardent::cli
