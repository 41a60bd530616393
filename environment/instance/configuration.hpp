// SPDX-License-Identifier: PostgreSQL
// The texts of an instance's configuration files. They are ours whole and written at every start.
#pragma once

#include <string>
#include <string_view>

namespace ardent::environment {

class Instance;
struct InstanceSpec;

std::string configuration_text(const InstanceSpec& spec);

/// Only our three roles, only over the socket, only from the operating system's users in the map.
std::string hba_text();

/// The user that runs the environment may be each of our roles, root may be the reader. Throws base::Error (config)
/// when the user that runs this has no name.
std::string ident_text();

/// A conninfo string for programs of PostgreSQL that take one. There is no password in it.
std::string conninfo(const Instance& instance, std::string_view role, std::string_view database);

}  // namespace ardent::environment
