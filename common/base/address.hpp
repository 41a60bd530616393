// SPDX-License-Identifier: PostgreSQL
// Names and addresses of hosts. Pure functions, any thread.
#pragma once

#include <string_view>

namespace ardent::base {

/// `localhost` in any case, 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, without brackets. Names are
/// not looked up.
bool is_loopback(std::string_view host);

}  // namespace ardent::base
