// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_text.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>

namespace ardent::cli {

namespace {

constexpr std::size_t k_label_width = 9;  // "Created: "
constexpr std::size_t k_date_length = 10;

/// Seconds since 1970 of a time in UTC.
std::optional<std::time_t> instant_of(const std::string& time) {
    std::tm parts{};
    const char* const rest = ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) {
        return std::nullopt;
    }
    std::string_view tail(rest);
    if (!tail.empty() && tail.front() == '.') {
        tail.remove_prefix(std::min(tail.find_first_not_of("0123456789", 1), tail.size()));
    }
    return tail == "Z" || tail == "+00:00" ? std::optional(::timegm(&parts)) : std::nullopt;
}

std::string shown(const Text& text) {
    return text ? base::one_line(*text) : std::string();
}

void print_line(std::ostream& out, const std::string& label, const std::string& value) {
    if (!value.empty()) {
        const std::string start = label + ":";
        out << "  " << start << std::string(k_label_width - start.size(), ' ') << value << '\n';
    }
}

const char* icon_of(const BranchRow& row) {
    if (row.status == "creating") {
        return "◐";
    }
    return row.status == "active" && row.state.value_or("active") == "active" ? "●" : "○";
}

std::string activity_of(const BranchRow& row, Clock::time_point now) {
    const std::string idle = row.last_branch_activity ? ago(*row.last_branch_activity, now) : "";
    const std::string state = shown(row.state);
    return (idle.empty() ? "never used" : "idle " + idle) +
           (state.empty() ? "" : " (" + state + ")");
}

std::string ready_of(const BranchRow& row) {
    if (row.read_ready_at) {
        return row.write_ready_at ? "read + write" : "read";
    }
    return "not yet";
}

std::string data_of(const BranchRow& row) {
    const std::string time = shown(row.data_as_of_commit_time);
    const std::string lsn = shown(row.data_as_of_lsn);
    return time + (time.empty() || lsn.empty() ? "" : " ") +
           (lsn.empty() ? "" : "(LSN " + lsn + ")");
}

std::string steps_of(const std::vector<BranchStep>& steps) {
    std::vector<std::string> texts;
    for (const BranchStep& step : steps) {
        texts.push_back(base::one_line(step.name) + " " + std::to_string(step.ms) + " ms");
    }
    return base::join(texts, ", ");
}

std::string state_of(const BranchRow& row) {
    const std::string since = shown(row.state_since);
    return shown(row.state) + (row.state && !since.empty() ? " since " + since : "");
}

std::string expiry_of(const BranchRow& row) {
    const std::string when = row.expires_at ? local_time(shown(row.expires_at)) : "never";
    return when + (row.is_protected.value_or(false) ? ", protected" : "");
}

std::string yes_or_no(const std::optional<bool>& value) {
    if (!value) {
        return {};
    }
    return *value ? "yes" : "no";
}

}  // namespace

std::string ago(const std::string& time, Clock::time_point now) {
    const auto instant = instant_of(time);
    if (!instant) {
        return {};
    }
    const long long seconds =
        std::max<long long>(0, Clock::to_time_t(now) - static_cast<long long>(*instant));
    constexpr std::array<std::pair<long long, const char*>, 3> k_units = {
        {{86400, "d"}, {3600, "h"}, {60, "m"}}};
    for (const auto& [length, letter] : k_units) {
        if (seconds >= length) {
            return std::to_string(seconds / length) + letter;
        }
    }
    return std::to_string(seconds) + "s";
}

std::string local_time(const std::string& time) {
    const auto instant = instant_of(time);
    std::tm parts{};
    if (!instant || ::localtime_r(&*instant, &parts) == nullptr) {
        return time;
    }
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%-m/%-d/%Y, %-I:%M:%S ", &parts);
    return text.data() + std::string(parts.tm_hour < 12 ? "AM" : "PM");
}

void print_list(const std::vector<BranchRow>& rows, const std::string& current_id,
                Clock::time_point now, std::ostream& out) {
    if (rows.empty()) {
        out << "No branches found.\nCreate one with: ardent branch create <name>\n";
        return;
    }
    out << "Branches:\n";
    bool first = true;
    for (const BranchRow& row : rows) {
        const std::string created = shown(row.created_at).substr(0, k_date_length);
        out << (first ? "" : "\n") << (row.id == current_id ? "* " : "  ") << icon_of(row) << ' '
            << base::one_line(row.name) << '\n'
            << "      " << base::one_line(row.service_type) << " · "
            << (row.status == "active" ? "ready" : base::one_line(row.status))
            << (created.empty() ? "" : " · created " + created) << " · " << activity_of(row, now)
            << '\n';
        first = false;
    }
}

void print_info(const BranchRow& row, const BranchView& view, std::ostream& out) {
    out << "Branch: " << row.name << (view.current ? " (current)" : "") << '\n';
    print_line(out, "Type", row.service_type);
    print_line(out, "Status", row.status);
    print_line(out, "Ready", ready_of(row));
    print_line(out, "Created", row.created_at ? local_time(shown(row.created_at)) : "");
    print_line(out, "Made as",
               row.requested_name == row.name ? "" : base::one_line(row.requested_name));
    print_line(out, "Source", shown(row.connector_name));
    print_line(out, "Data", data_of(row));
    print_line(out, "Method", shown(row.method));
    print_line(out, "Steps", steps_of(row.steps));
    print_line(out, "Hooks", steps_of(row.hooks));
    print_line(out, "Disk", row.own_bytes ? base::human_bytes(*row.own_bytes) + " of its own" : "");
    print_line(out, "State", state_of(row));
    print_line(out, "Awake", shown(row.awake_because));
    print_line(out, "Expires", expiry_of(row));
    print_line(out, "Durable", yes_or_no(row.durable));
    print_line(out, "Egress", shown(row.egress));
    for (const std::string& missing : row.missing) {
        print_line(out, "Lacks", base::one_line(missing));
    }
    print_line(out, "Failure", shown(row.failure));
    out << "\nDirect URL: " << view.url << '\n';
}

}  // namespace ardent::cli
