// SPDX-License-Identifier: PostgreSQL
// What a branch may be called. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ardent::cli {

struct BranchName {
    std::string name;       // 1 to 63 of lower-case letters, digits, hyphens
    std::string requested;  // as it was typed: "feature/x" of the name "feature-x"; mostly the same

    bool mapped() const noexcept { return name != requested; }
};

bool is_branch_name(std::string_view text) noexcept;

/// The slashes of a Git branch become hyphens, and nothing else is changed: two names that people
/// tell apart must not become one. Throws Failure (invalid_name), with a name that would do in its
/// hint.
BranchName read_branch_name(const std::string& text);

}  // namespace ardent::cli
