// SPDX-License-Identifier: PostgreSQL
// What may go to the terminal.
#pragma once

#include "common/preflight/preflight.hpp"

#include <string>
#include <string_view>

namespace ardent::cli {

/// What the locale of the environment can show.
preflight::Letters terminal_letters();

/// Text from elsewhere without control characters but the line feed and the tab, so that it cannot drive
/// the terminal.
std::string for_terminal(std::string_view text);

}  // namespace ardent::cli
