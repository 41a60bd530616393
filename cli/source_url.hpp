// SPDX-License-Identifier: PostgreSQL
// The source's URL as libpq reads it, with what libpq takes from PGHOST, PGPORT, … where the URL is
// silent.
#pragma once

#include <string>
#include <string_view>

namespace ardent::cli {

struct SourceUrl {
    std::string text;      // as libpq takes it; may hold a password
    std::string target;    // "host:port" for people
    std::string host;      // name, address or folder of the socket; empty: libpq's default socket
    std::string user;      // never empty, unless the operating system does not know who we are
    std::string database;  // the user's name when none was given
    std::string authority_file;  // sslrootcert, or ~/.postgresql/root.crt; the file may be missing
};

/// Throws base::Error (config) for a URL that libpq cannot read. The message does not repeat it.
SourceUrl read_source_url(const std::string& url);

/// A Unix socket as libpq's host says it: empty, a folder, an abstract name.
bool is_socket(std::string_view host) noexcept;

}  // namespace ardent::cli
