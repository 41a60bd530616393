// SPDX-License-Identifier: PostgreSQL
#include "common/protocol/json_depth.hpp"

namespace ardent::protocol {

bool is_deeper_than(std::string_view text, std::size_t depth) noexcept {
    std::size_t open = 0;
    bool inside_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inside_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                inside_string = false;
            }
        } else if (c == '"') {
            inside_string = true;
        } else if (c == '[' || c == '{') {
            if (++open > depth) {
                return true;
            }
        } else if ((c == ']' || c == '}') && open > 0) {
            --open;
        }
    }
    return false;
}

}  // namespace ardent::protocol
