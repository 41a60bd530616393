// SPDX-License-Identifier: PostgreSQL
// `ardent login | logout | status`. One thread.
#pragma once

#include "cli/api.hpp"

#include <iosfwd>

namespace ardent::cli {

/// Tries the token, then remembers it with the address, the only project, the only connector and
/// the authority of branches.
void log_in(const ApiOptions& options, const Variables& environment, std::ostream& out,
            std::ostream& notes);

/// Removes config.json. Revokes nothing.
void log_out(const Variables& environment, std::ostream& out);

/// Who, where, what is selected, the connectors. What is known here is printed also when the
/// environment is out of reach or refuses, which is then the base::Error that is thrown.
void show_status(const ApiOptions& options, const Variables& environment, std::ostream& out);

}  // namespace ardent::cli
