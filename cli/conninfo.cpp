// SPDX-License-Identifier: PostgreSQL
#include "cli/conninfo.hpp"

namespace ardent::cli {

std::string value_of(const Conninfo& info, std::string_view keyword) {
    for (const PQconninfoOption* at = info.get(); at != nullptr && at->keyword != nullptr; ++at) {
        if (keyword == at->keyword && at->val != nullptr) {
            return at->val;
        }
    }
    return {};
}

}  // namespace ardent::cli
