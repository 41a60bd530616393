// SPDX-License-Identifier: PostgreSQL
#include "environment/api/branch_views.hpp"

#include "common/protocol/json_fields.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

namespace ardent::environment {

using protocol::json;

namespace {

json text_or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

// "2026-06-01 12:00:00.5+00", as PostgreSQL prints it in UTC, to RFC 3339.
json time_or_null(std::string text) {
    if (text.empty()) {
        return nullptr;
    }
    if (const std::size_t place = text.find(' '); place != std::string::npos) {
        text[place] = 'T';
    }
    if (text.ends_with("+00")) {
        text.replace(text.size() - 3, 3, "Z");
    }
    return text;
}

json moment(std::int64_t seconds) {
    if (seconds == 0) {
        return nullptr;
    }
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 32> text{};
    return std::string(text.data(),
                       std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

const char* state_word(const BranchView& view, const std::optional<DoorActivity>& activity) {
    if (activity && activity->state == DoorState::starting) {
        return "resuming";
    }
    return view.running ? "active" : "suspended";
}

// The door's, as long as the server is as the door believes.
json state_since(const BranchView& view, const std::optional<DoorActivity>& activity) {
    if (!activity || (activity->state != DoorState::starting &&
                      view.running != (activity->state == DoorState::running))) {
        return nullptr;
    }
    return moment(std::chrono::system_clock::to_time_t(activity->since));
}

json last_activity(const BranchRecord& record, const std::optional<DoorActivity>& activity) {
    std::int64_t last = record.last_activity;
    if (activity && activity->last_client) {
        last = std::max<std::int64_t>(last,
                                      std::chrono::system_clock::to_time_t(*activity->last_client));
    }
    return moment(last);
}

json awake_because(const std::optional<DoorActivity>& activity) {
    if (!activity || activity->connected + activity->held == 0) {
        return nullptr;
    }
    return std::to_string(activity->connected) + " connected, " + std::to_string(activity->held) +
           " waiting";
}

json warning_of(const BranchRecord& record) {
    if (record.warning.empty()) {
        return nullptr;
    }
    return {{"type", "stale"}, {"message", record.warning}};
}

// Seconds; null: never.
json suspend_after(const BranchRecord& record, const BranchSettings& settings) {
    const std::int64_t seconds = record.suspend_after.value_or(
        std::chrono::ceil<std::chrono::seconds>(settings.suspend_after).count());
    return seconds == 0 ? json(nullptr) : json(seconds);
}

json steps_of(const std::vector<BranchStep>& steps) {
    json list = json::array();
    for (const BranchStep& step : steps) {
        list.push_back({{"name", step.name}, {"ms", step.ms}});
    }
    return list;
}

}  // namespace

json branch_row(const BranchView& view, const std::string& connector_name,
                const BranchSettings& settings, const std::optional<DoorActivity>& activity) {
    const BranchRecord& record = view.record;
    const bool active = record.phase == BranchPhase::active;
    json row = {{"id", record.id},
                {"name", record.name},
                {"requested_name", record.requested_name},
                {"connector_id", record.connector_id},
                {"connector_name", connector_name},
                {"service_type", "postgres"},
                {"status", to_string(record.phase)},
                {"failure", text_or_null(record.failure)},
                {"created_at", time_or_null(record.created_at)},
                {"read_ready_at", time_or_null(record.ready_at)},
                {"write_ready_at", time_or_null(record.ready_at)},
                {"masked_ready_at", time_or_null(record.masked_at)},
                {"last_branch_activity", last_activity(record, activity)},
                {"pooled_branch_url", nullptr},
                {"pooled_branch_prisma_url", nullptr},
                {"branch_url", nullptr},
                {"state", active ? json(state_word(view, activity)) : json(nullptr)},
                {"state_since", active ? state_since(view, activity) : json(nullptr)},
                {"awake_because", active ? awake_because(activity) : json(nullptr)},
                {"data_as_of",
                 {{"lsn", protocol::nullable(record.lsn)},
                  {"commit_time", time_or_null(record.commit_time)}}},
                {"method", record.method},
                {"steps", steps_of(record.steps)},
                {"hooks", steps_of(record.hooks)},
                {"own_bytes", nullptr},
                {"suspend_after", suspend_after(record, settings)},
                {"expires_at", moment(record.expires)},
                {"protected", record.is_protected},
                {"durable", record.durable},
                {"egress", "none"},
                {"missing", record.missing},
                {"host", settings.public_host},
                {"port", record.port},
                {"database", record.database},
                {"user", record.role},
                {"warning", warning_of(record)}};
    return row;
}

json branch_row_with_url(const Branches& branches, const BranchView& view,
                         const BranchSettings& settings, bool own_bytes) {
    const BranchRecord& record = view.record;
    json row = branch_row(view, branches.connector_name(record.connector_id), settings,
                          branches.activity(record.id));
    row["branch_url"] = text_or_null(view.url);
    if (own_bytes) {
        row["own_bytes"] = protocol::nullable(branches.bytes(record.connector_id, record.id));
    }
    return row;
}

}  // namespace ardent::environment
