// SPDX-License-Identifier: PostgreSQL
// Are the replica's tables and types what the source's are? Pure.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/protocol/messages.hpp"

#include <optional>

namespace ardent::apply {

/// The first difference between the source's tables and types and the replica's, as a failure that
/// names it.
std::optional<protocol::Failure> difference(const model::Definitions& source,
                                            const model::Definitions& replica);

}  // namespace ardent::apply
