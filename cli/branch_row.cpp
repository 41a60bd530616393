// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_row.hpp"

#include "cli/branch_name.hpp"
#include "cli/conninfo.hpp"
#include "cli/failure.hpp"
#include "common/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace ardent::cli {

using nlohmann::json;

namespace {

constexpr const char* k_service = "postgres";
constexpr std::array<std::string_view, 5> k_states = {"active", "suspending", "suspended",
                                                      "resuming", "resetting"};

const json& member(const json& object, const char* name) {
    static const json s_null;
    const auto at = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && at != object.end() ? *at : s_null;
}

Text text_of(const json& value) {
    return value.is_string() ? Text(value.get<std::string>()) : std::nullopt;
}

std::optional<std::uint64_t> number_of(const json& value) {
    const bool counts =
        value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    return counts ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
}

std::optional<bool> flag_of(const json& value) {
    return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

std::string needed(const json& row, const char* name) {
    const Text text = text_of(member(row, name));
    if (!text || text->empty()) {
        throw Failure("api_error",
                      std::string("the environment describes a branch without ") + name,
                      k_which_environment);
    }
    return *text;
}

std::vector<BranchStep> steps_of(const json& list) {
    std::vector<BranchStep> steps;
    for (const json& item : list.is_array() ? list : json::array()) {
        const Text name = text_of(member(item, "name"));
        const auto ms = number_of(member(item, "ms"));
        if (name && ms) {
            steps.push_back({*name, *ms});
        }
    }
    return steps;
}

std::optional<BranchWarning> warning_of(const json& value) {
    const Text message = text_of(member(value, "message"));
    return message ? std::optional(BranchWarning{text_of(member(value, "type")).value_or("warning"),
                                                 *message})
                   : std::nullopt;
}

std::vector<std::string> texts_of(const json& list) {
    std::vector<std::string> texts;
    for (const json& item : list.is_array() ? list : json::array()) {
        if (item.is_string()) {
            texts.push_back(item.get<std::string>());
        }
    }
    return texts;
}

void read_times(const json& row, BranchRow& read) {
    read.created_at = text_of(member(row, "created_at"));
    read.read_ready_at = text_of(member(row, "read_ready_at"));
    read.write_ready_at = text_of(member(row, "write_ready_at"));
    read.masked_ready_at = text_of(member(row, "masked_ready_at"));
    read.last_branch_activity = text_of(member(row, "last_branch_activity"));
    read.expires_at = text_of(member(row, "expires_at"));
    read.suspend_after = number_of(member(row, "suspend_after"));
    read.state_since = text_of(member(row, "state_since"));
}

void read_place(const json& row, BranchRow& read) {
    read.branch_url = text_of(member(row, "branch_url"));
    read.host = text_of(member(row, "host"));
    read.port = number_of(member(row, "port"));
    read.database = text_of(member(row, "database"));
    read.user = text_of(member(row, "user"));
}

[[noreturn]] void refuse(const BranchRow& row, const std::string& what, const std::string& hint) {
    throw Failure("api_error", "branch '" + row.name + "' " + what, hint);
}

void check_alive(const BranchRow& row) {
    if (row.status == "active" &&
        (!row.state || std::find(k_states.begin(), k_states.end(), *row.state) != k_states.end())) {
        return;
    }
    if (row.status == "deleting") {
        throw Failure("not_found", "branch '" + row.name + "' is being deleted",
                      "See them all: ardent branch list");
    }
    if (row.status == "creating") {
        refuse(row, "is still being created", "Wait for it: ardent branch create " + row.name);
    }
    if (row.status == "failed") {
        refuse(row, "has failed" + (row.failure ? ": " + base::one_line(*row.failure) : ""),
               "Delete it: ardent branch delete " + row.name);
    }
    refuse(row,
           "is in a state that this program does not know: " + row.status +
               (row.state ? ", " + *row.state : ""),
           "Is this program as new as the environment?");
}

/// One line that a shell, a file or a log can hold.
bool is_plain(const std::string& url) {
    return std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool agrees(const Text& wanted, const std::string& is) {
    return !wanted || *wanted == is;
}

}  // namespace

BranchRow read_branch_row(const json& row) {
    BranchRow read;
    read.id = needed(row, "id");
    read.name = needed(row, "name");
    read.connector_id = needed(row, "connector_id");
    read.service_type = needed(row, "service_type");
    read.status = needed(row, "status");
    read.requested_name = text_of(member(row, "requested_name")).value_or(read.name);
    read.state = text_of(member(row, "state"));
    read.failure = text_of(member(row, "failure"));
    read_times(row, read);
    read_place(row, read);
    read.connector_name = text_of(member(row, "connector_name"));
    read.data_as_of_lsn = text_of(member(member(row, "data_as_of"), "lsn"));
    read.data_as_of_commit_time = text_of(member(member(row, "data_as_of"), "commit_time"));
    read.method = text_of(member(row, "method"));
    read.steps = steps_of(member(row, "steps"));
    read.hooks = steps_of(member(row, "hooks"));
    read.own_bytes = number_of(member(row, "own_bytes"));
    read.awake_because = text_of(member(row, "awake_because"));
    read.is_protected = flag_of(member(row, "protected"));
    read.durable = flag_of(member(row, "durable"));
    read.egress = text_of(member(row, "egress"));
    read.missing = texts_of(member(row, "missing"));
    read.warning = warning_of(member(row, "warning"));
    return read;
}

void check_is(const BranchRow& row, const Asked& asked) {
    const auto differs = [](const std::string& wanted, const std::string& is) {
        return !wanted.empty() && wanted != is;
    };
    if (differs(asked.connector_id, row.connector_id) || differs(asked.id, row.id) ||
        differs(asked.name, row.name) || row.service_type != k_service ||
        !is_branch_name(row.name)) {
        throw Failure("api_error",
                      "the environment answered with another branch than the one asked for (" +
                          base::clip_utf8(base::one_line(row.name), 100) + ", " +
                          base::clip_utf8(base::one_line(row.id), 100) + ")",
                      "Nothing is shown of it. Report this with the environment's log.");
    }
    if (differs(asked.requested_name, row.requested_name)) {
        throw Failure("invalid_name",
                      "'" + asked.requested_name + "' and '" +
                          base::clip_utf8(base::one_line(row.requested_name), 100) +
                          "' would both be called '" + row.name + "', which is there already",
                      "Take another name, or say: ardent branch info " + row.name);
    }
}

std::string usable_url(const BranchRow& row) {
    check_alive(row);
    if (!row.branch_url || row.branch_url->empty()) {
        throw Failure("branch_url_missing",
                      "the environment gave no URL for branch '" + row.name + "'",
                      "Ask again: ardent branch info " + row.name);
    }
    const std::string& url = *row.branch_url;
    const bool scheme = url.rfind("postgresql://", 0) == 0 || url.rfind("postgres://", 0) == 0;
    const Conninfo info(is_plain(url) && scheme ? PQconninfoParse(url.c_str(), nullptr) : nullptr);
    const std::string host = value_of(info, "host");
    if (host.empty() || host.find(',') != std::string::npos ||
        !value_of(info, "hostaddr").empty()) {
        refuse(row, "has a URL that names no single server", "Report this: it is not shown.");
    }
    const std::string port = value_of(info, "port");
    const Text wanted_port = row.port ? Text(std::to_string(*row.port)) : std::nullopt;
    if (!agrees(row.host, host) || !agrees(wanted_port, port.empty() ? "5432" : port) ||
        !agrees(row.database, value_of(info, "dbname")) ||
        !agrees(row.user, value_of(info, "user"))) {
        refuse(row, "has a URL of another server, database or user than the branch's own",
               "Report this: it is not shown.");
    }
    return url;
}

std::optional<BranchRow> find_row(const std::vector<BranchRow>& rows, const std::string& name) {
    std::optional<BranchRow> found;
    for (const BranchRow& row : rows) {
        if (row.name != name) {
            continue;
        }
        if (found) {
            throw Failure("api_error", "the environment has two branches called '" + name + "'",
                          "Nothing is done to either of them. Report this.");
        }
        found = row;
    }
    return found;
}

}  // namespace ardent::cli
