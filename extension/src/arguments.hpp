// SPDX-License-Identifier: PostgreSQL
// The arguments that the preflight functions share.
#pragma once

#include "common/preflight/preflight.hpp"

#include <map>
#include <optional>
#include <string>

namespace ardent::ext {

/// Reads `{"large_objects": true, "decisions": {"schema.table": "exclude"}}`; throws base::Error
/// (22023) for a key or a value that it does not know.
preflight::Accept read_accept(preflight::QueryRunner& runner,
                              const std::optional<std::string>& jsonb);

/// A provider's name; empty for NULL. Throws base::Error (22023) for a word that is none.
std::string read_provider(const std::optional<std::string>& text);

/// Reads `{"schema.table": "exclude", …}`.
std::map<std::string, preflight::Decision> read_decisions(preflight::QueryRunner& runner,
                                                          const std::string& jsonb);

}  // namespace ardent::ext
