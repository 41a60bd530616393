// SPDX-License-Identifier: PostgreSQL
// The schema of the source by pg_dump, a child process. The password reaches it through a
// PGPASSFILE of mode 0600 in a private folder, which is gone when the child ended, however it
// ended.
#pragma once

#include "agent/config/settings.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ardent::agent {

/// Finds a pg_dump that is not older than the server. Throws base::Error (config) that says what
/// was found.
std::string find_pg_dump(const std::string& configured, int server_version);

/// The major in `pg_dump --version`'s line; 0 when it cannot be read.
int pg_dump_major(const std::string& version_line);

/// pg_dump's arguments after the program.
std::vector<std::string> dump_arguments(const SourceSettings& source, const std::string& snapshot,
                                        const std::string& encoding);

/// The archive (-Fc). `go_on` is asked a few times a second and ends the child when it says no.
/// Throws base::Error: transient when it was ended or the server went away, source with what
/// pg_dump says otherwise.
std::string dump_schema(const SourceSettings& source, const std::string& program,
                        const std::string& snapshot, const std::string& encoding,
                        const std::function<bool()>& go_on);

}  // namespace ardent::agent
