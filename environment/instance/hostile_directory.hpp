// SPDX-License-Identifier: PostgreSQL
// Reading and removing below a folder that an instance's server may write, and in which a superuser
// of the replica may have planted links, FIFOs and whatever else. Nothing here follows a link or
// waits for a writer. Any thread.
#pragma once

#include <string>

namespace ardent::environment {

/// The end of the regular file in `folder` that was written last, at most `most` bytes; empty when
/// there is none. `folder` itself is a name below `directory`, and no link.
std::string read_latest(const std::string& directory, const std::string& folder, std::size_t most);

/// Whatever it is. Links are removed, never followed. Nothing happens when it is not there.
void remove_planted(const std::string& path);

}  // namespace ardent::environment
