// SPDX-License-Identifier: PostgreSQL
// The functions in schema ardent by which rows are written into a replica. They are C code inside
// its server (replica/README.md): rows are stored as the source has them, and nothing of them is
// judged or computed again.
#pragma once

#include "common/pq/connection.hpp"
#include "environment/instance/superuser.hpp"

#include <string>
#include <string_view>

namespace ardent::environment {

/// Makes the functions, or makes them anew where they are another version's, and lets `role` call
/// them. On the privileged connection of the replica's database; schema ardent must be there.
/// Throws base::Error (replica) that names the package when the server has no such library.
void create_writer_functions(Superuser& privileged, std::string_view role);

/// Takes the right to write from whoever had it, and gives it to who knows what is returned: "\x"
/// and hexadecimal digits. A session that is open already keeps it. On the privileged connection.
std::string renew_writer_secret(Superuser& privileged);

/// The same with a secret of the caller's, in that form.
void set_writer_secret(Superuser& privileged, const std::string& secret);

/// Makes this session the one that writes, before anything of the source runs in it: ends a session
/// of the same role that does, and waits some seconds for its end. Throws base::Error.
void open_writer(pq::Connection& connection, const std::string& secret);

}  // namespace ardent::environment
