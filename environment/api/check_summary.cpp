// SPDX-License-Identifier: PostgreSQL
#include "environment/api/check_summary.hpp"

#include "common/protocol/json_fields.hpp"

#include <algorithm>
#include <ctime>
#include <tuple>

namespace ardent::environment {

namespace {

using protocol::json;

std::string text_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t ordinal_of(const json& check) {
    const auto found = check.find("ordinal");
    return found != check.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace

std::optional<CheckSummary> summarize(const std::string& report) {
    const json parsed = protocol::try_json(report);
    const auto checks = parsed.is_object() ? parsed.find("checks") : parsed.end();
    if (!parsed.is_object() || checks == parsed.end() || !checks->is_object() || checks->empty()) {
        return std::nullopt;
    }
    using Place = std::tuple<bool, std::int64_t>;  // not failing, ordinal
    std::vector<std::pair<Place, CheckFinding>> found;
    for (const auto& [id, check] : checks->items()) {
        if (!check.is_object()) {
            continue;
        }
        const std::string status = text_at(check, "status");
        if (status != "fail" && status != "warn") {
            continue;
        }
        std::string detail = text_at(check, "detail");
        detail.resize(std::min(detail.find('\n'), detail.size()));
        found.emplace_back(Place{status != "fail", ordinal_of(check)},
                           CheckFinding{id, text_at(check, "label"), status,
                                        detail.empty() ? text_at(check, "actual") : detail});
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    CheckSummary summary;
    for (auto& [place, finding] : found) {
        ++(finding.status == "fail" ? summary.failing : summary.warning);
        summary.findings.push_back(std::move(finding));
    }
    return summary;
}

std::optional<std::uint64_t> checked_at(const ConnectorRecord& record) {
    std::tm time{};
    if (::strptime(record.preflight_at.c_str(), "%Y-%m-%d %H:%M:%S", &time) == nullptr) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(::timegm(&time));
}

}  // namespace ardent::environment
