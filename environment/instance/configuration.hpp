// SPDX-License-Identifier: PostgreSQL
// The texts of an instance's configuration files. They are ours whole and written at every start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

class Instance;
struct InstanceSpec;
struct ServerPaths;

/// `paths` are those that the server sees. Ends with local.conf of the instance's folder, where an
/// operator made one.
std::string configuration_text(const InstanceSpec& spec, const ServerPaths& paths);

/// Only the superuser and these roles, only over the socket, only from the operating system's users
/// in the map.
std::string hba_text(const std::vector<std::string>& peers);

/// The user that runs the environment may be each of them. Inside a containment nobody else has a
/// name, root neither. Throws base::Error (config) when the user that runs this has no name.
std::string ident_text(const std::vector<std::string>& peers);

/// Of the user that runs this. Throws base::Error (config) when it has none.
std::string user_name();

/// A conninfo string for programs of PostgreSQL that take one. There is no password in it.
std::string conninfo(const Instance& instance, std::string_view role, std::string_view database);

}  // namespace ardent::environment
