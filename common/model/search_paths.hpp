// SPDX-License-Identifier: PostgreSQL
// Which search_path a session of a role of the source begins with: what the functions of its tables
// find when a role writes there. Values only; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ardent::model {

struct SearchPaths {
    std::string usual = "\"$user\", public";   // of a role that has none of its own
    std::map<std::string, std::string> roles;  // that own tables and have one of their own

    const std::string& of(const std::string& role) const;

    bool operator==(const SearchPaths&) const = default;
};

/// The same for a session of another role: "$user", which names the session's own, becomes the
/// role's name.
std::string path_of_user(std::string_view path, const std::string& role);

}  // namespace ardent::model
