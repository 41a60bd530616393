// SPDX-License-Identifier: PostgreSQL
// The settings of ddl::k_settings in this session. C inside: may raise, holds nothing to destroy.
#pragma once

#include "extension/src/capture/json.hpp"

namespace ardent::ext::capture {

/// The object of those that are not at their ordinary value.
void write_settings(Json& json);

/// `current`: the values of what a function's SET … FROM CURRENT names; nothing when it names none.
void write_current(Json& json, const Node* tree);

}  // namespace ardent::ext::capture
