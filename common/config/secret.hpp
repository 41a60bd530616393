// SPDX-License-Identifier: PostgreSQL
// The rule for files with secrets in them. Any thread.
#pragma once

#include <optional>
#include <string>

namespace ardent::config {

/// Why the file is not taken as a secret; nullopt when it is fine. Rule: a regular file of this
/// user or of root's, without permissions for others; only root's may have group read.
std::optional<std::string> secret_file_problem(const std::string& path);

}  // namespace ardent::config
