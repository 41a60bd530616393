// SPDX-License-Identifier: PostgreSQL
// libpq's list of connection parameters, with an owner.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>

namespace ardent::cli {

struct FreeConninfo {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

using Conninfo = std::unique_ptr<PQconninfoOption, FreeConninfo>;

/// Empty when the list has no such keyword, or no value for it.
std::string value_of(const Conninfo& info, std::string_view keyword);

}  // namespace ardent::cli
