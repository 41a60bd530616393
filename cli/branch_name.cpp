// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_name.hpp"

#include "cli/failure.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace ardent::cli {

namespace {

constexpr std::size_t k_longest_name = 63;

bool is_letter_of_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/// A name that would do, for the hint; empty when nothing is left of the text.
std::string suggestion(const std::string& text) {
    std::string name;
    for (const char c : text) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (is_letter_of_name(lower) && lower != '-') {
            name += lower;
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    name = name.substr(0, k_longest_name);
    while (!name.empty() && name.back() == '-') {
        name.pop_back();
    }
    return name;
}

}  // namespace

bool is_branch_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= k_longest_name &&
           std::all_of(text.begin(), text.end(), is_letter_of_name);
}

BranchName read_branch_name(const std::string& text) {
    BranchName read{text, text};
    std::replace(read.name.begin(), read.name.end(), '/', '-');
    if (!is_branch_name(read.name)) {
        const std::string other = suggestion(text);
        throw Failure("invalid_name",
                      "'" + base::clip_utf8(base::one_line(text), 100) +
                          "' is no name for a branch: 1 to 63 of lower-case letters, digits and "
                          "hyphens, where a slash becomes a hyphen",
                      "This one would do: " + (other.empty() ? "my-feature" : other),
                      base::ErrorKind::config);
    }
    return read;
}

}  // namespace ardent::cli
