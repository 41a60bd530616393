// SPDX-License-Identifier: PostgreSQL
#include "common/base/json_depth.hpp"

namespace ardent::base {

namespace {

// The place of the quote that ends the string which begins behind `at`; the text's end when there
// is none.
std::size_t end_of_string(std::string_view text, std::size_t at) noexcept {
    for (std::size_t i = at; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            return i;
        }
    }
    return text.size();
}

}  // namespace

bool json_depth_within(std::string_view text, std::size_t limit) noexcept {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') {
            i = end_of_string(text, i + 1);
        } else if (c == '{' || c == '[') {
            if (++depth > limit) {
                return false;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return true;
}

}  // namespace ardent::base
