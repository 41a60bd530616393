// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_text.hpp"

#include <nlohmann/json.hpp>

namespace ardent::cli {

using json = nlohmann::ordered_json;

namespace {

constexpr int k_schema_version = 3;

template <typename Value>
json or_null(const std::optional<Value>& value) {
    return value ? json(*value) : json();
}

json or_null(const std::string& text) {
    return text.empty() ? json() : json(text);
}

json warning_of(const BranchRow& row) {
    return row.warning ? json{{"type", row.warning->type}, {"message", row.warning->message}}
                       : json();
}

json data_of(const BranchRow& row) {
    return row.data_as_of_lsn || row.data_as_of_commit_time
               ? json{{"lsn", or_null(row.data_as_of_lsn)},
                      {"commit_time", or_null(row.data_as_of_commit_time)}}
               : json();
}

json steps_of(const std::vector<BranchStep>& steps) {
    json list = json::array();
    for (const BranchStep& step : steps) {
        list.push_back(json{{"name", step.name}, {"ms", step.ms}});
    }
    return list;
}

/// The product's keys, in the product's order.
json product_part(const BranchRow& row, const BranchView& view) {
    json object;
    object["schema_version"] = k_schema_version;
    object["id"] = row.id;
    object["name"] = row.name;
    object["connector_id"] = row.connector_id;
    object["service_type"] = row.service_type;
    object["status"] = row.status;
    object["branch_url"] = or_null(view.url);
    object["pooled_branch_url"] = json();  // there is no pooler, so no such URL can be the branch's
    object["pooled_branch_prisma_url"] = json();
    object["created_at"] = or_null(row.created_at);
    object["read_ready_at"] = or_null(row.read_ready_at);
    object["write_ready_at"] = or_null(row.write_ready_at);
    object["masked_ready_at"] = or_null(row.masked_ready_at);
    object["last_branch_activity"] = or_null(row.last_branch_activity);
    object["current"] = view.current;
    object["warning"] = warning_of(row);
    return object;
}

json whole(const BranchRow& row, const BranchView& view) {
    json object = product_part(row, view);
    object["created"] = or_null(view.created);
    object["operation_id"] = or_null(view.operation_id);
    object["requested_name"] = row.requested_name;
    object["connector_name"] = or_null(row.connector_name);
    object["data_as_of"] = data_of(row);
    object["method"] = or_null(row.method);
    object["steps"] = steps_of(row.steps);
    object["hooks"] = steps_of(row.hooks);
    object["own_bytes"] = or_null(row.own_bytes);
    object["state"] = or_null(row.state);
    object["state_since"] = or_null(row.state_since);
    object["awake_because"] = or_null(row.awake_because);
    object["failure"] = or_null(row.failure);
    object["suspend_after"] = or_null(row.suspend_after);
    object["expires_at"] = or_null(row.expires_at);
    object["protected"] = or_null(row.is_protected);
    object["durable"] = or_null(row.durable);
    object["egress"] = or_null(row.egress);
    object["missing"] = row.missing;
    object["host"] = or_null(row.host);
    object["port"] = or_null(row.port);
    object["database"] = or_null(row.database);
    object["user"] = or_null(row.user);
    return object;
}

std::string text_of(const json& object) {
    return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string branch_json(const BranchRow& row, const BranchView& view) {
    return text_of(whole(row, view));
}

std::string list_json(const std::vector<BranchRow>& rows, const std::string& current_id) {
    json list = json::array();
    for (const BranchRow& row : rows) {
        list.push_back(whole(row, BranchView{"", row.id == current_id}));
    }
    json object;
    object["schema_version"] = k_schema_version;
    object["branches"] = list;
    return text_of(object);
}

}  // namespace ardent::cli
