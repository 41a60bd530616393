// SPDX-License-Identifier: PostgreSQL
#include "common/pq/pgpass.hpp"

namespace ardent::pq {

std::string pgpass_field(std::string_view text) {
    std::string field;
    for (const char c : text) {
        if (c == ':' || c == '\\') {
            field += '\\';
        }
        field += c;
    }
    return field;
}

}  // namespace ardent::pq
