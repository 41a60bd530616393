// SPDX-License-Identifier: PostgreSQL
// Where this program stands.
#pragma once

#include <string>

namespace ardent::process {

/// The folder of this program's file, absolute.
std::string program_folder();

}  // namespace ardent::process
