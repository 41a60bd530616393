// SPDX-License-Identifier: PostgreSQL
// What stands in a TOML file, before it is known what its keys mean. Values; any thread.
#pragma once

#include "common/config/config.hpp"

#include <map>
#include <string>
#include <vector>

namespace ardent::config {

struct RawValue {
    enum class Kind { text, integer, boolean, list, other };

    Kind kind = Kind::other;
    std::string text;               // numbers and truth values as TOML prints them
    std::vector<std::string> list;  // of Kind::list
    std::string where;              // "/etc/ardent/agent.toml:12"
};

/// "table.key" -> value. What cannot be read at all (syntax, keys outside a table, nested tables,
/// lists of something else than texts) is appended to `problems`.
std::map<std::string, RawValue> read_toml(const std::string& path, std::vector<Problem>& problems);

}  // namespace ardent::config
