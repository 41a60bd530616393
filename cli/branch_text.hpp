// SPDX-License-Identifier: PostgreSQL
// Branches as the command line prints them. Pure over the row and the clock that is given; any
// thread.
#pragma once

#include "cli/branch_row.hpp"

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

namespace ardent::cli {

using Clock = std::chrono::system_clock;

/// What is said about a branch beside what the environment says.
struct BranchView {
    std::string url;  // that may be shown; empty: none
    bool current = false;
    std::optional<bool> created{};  // by this command; nothing: the command creates none
    std::string operation_id{};     // that is still under way
};

/// `branch list`: the current one with an asterisk.
void print_list(const std::vector<BranchRow>& rows, const std::string& current_id,
                Clock::time_point now, std::ostream& out);

/// `branch info`.
void print_info(const BranchRow& row, const BranchView& view, std::ostream& out);

/// schema_version 3: every key is there, null where it does not apply.
std::string branch_json(const BranchRow& row, const BranchView& view);
std::string list_json(const std::vector<BranchRow>& rows, const std::string& current_id);

/// "2m", "3d": how long ago a time of the API was; empty when it is none.
std::string ago(const std::string& time, Clock::time_point now);

/// A time of the API ("2026-06-01T12:00:00Z", with fractions or not) as the product shows it to
/// people, in their time zone: "6/1/2026, 12:00:00 PM". What is no such time stays as it is.
std::string local_time(const std::string& time);

}  // namespace ardent::cli
