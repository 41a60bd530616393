// SPDX-License-Identifier: PostgreSQL
#include "environment/api/routes.hpp"

#include "common/protocol/json_fields.hpp"
#include "environment/api/fields.hpp"
#include "environment/branch/setting_rules.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace ardent::environment {

namespace {

using protocol::json;

// JSON writes a byte as \u0000 at most.
constexpr std::uint64_t k_setting_body_limit = 6 * k_hook_limit + 65536;
// The text of the call, its JSON, the value, and what goes to the state.
constexpr std::uint64_t k_copies = 4;
constexpr std::size_t k_most_hooks = 32;

struct Key {
    const char* name;
    const char* description;
};

constexpr std::array k_keys = {Key{k_default_db, "Database named in branch URLs"},
                               Key{k_branch_sql, "SQL to run on every new branch after creation"},
                               Key{k_branch_role, "Role that sessions of a branch become"}};

const Key& key_of(const HttpRequest& request) {
    const std::string& name = request.argument("key");
    const auto* const found = std::find_if(k_keys.begin(), k_keys.end(),
                                           [&](const Key& key) { return name == key.name; });
    if (found == k_keys.end()) {
        throw HttpError(404, "unknown_setting",
                        "There is no such setting: there are default_db, branch_sql, branch_role");
    }
    return *found;
}

json text_or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

json setting_row(const Key& key, const ConnectorSettings& settings) {
    const std::string name = key.name;
    json row = {{"key", name}, {"description", key.description}, {"value", nullptr}};
    if (name == k_default_db) {
        row["value"] = text_or_null(settings.default_db);
    } else if (name == k_branch_role) {
        row["value"] = text_or_null(settings.branch_role);
    } else {
        row["hooks"] = json::array();
        for (const HookRecord& hook : settings.hooks) {
            row["hooks"].push_back({{"hook", hook.name},
                                    {"order", hook.order},
                                    {"value", hook.sql},
                                    {"database", text_or_null(hook.database)},
                                    {"run_as", text_or_null(hook.run_as)}});
        }
    }
    return row;
}

[[noreturn]] void refuse(const std::string& field, const std::string& objection) {
    throw HttpError(422, "invalid_setting", field + ": " + objection);
}

void check(const std::string& field, const std::optional<std::string>& objection) {
    if (objection) {
        refuse(field, *objection);
    }
}

// Absent: nullopt, it stays; null: none from now on.
std::optional<std::string> clearable_field(const json& body, const char* name) {
    return body.contains(name) ? std::optional(text_field(body, name, "")) : std::nullopt;
}

std::optional<std::int32_t> order_field(const json& body) {
    const auto found = body.find("order");
    if (found == body.end() || found->is_null()) {
        return std::nullopt;
    }
    using Limits = std::numeric_limits<std::int32_t>;
    if (!found->is_number_integer() || found->get<std::int64_t>() < Limits::min() ||
        found->get<std::int64_t>() > Limits::max() ||
        (found->is_number_unsigned() &&
         found->get<std::uint64_t>() > static_cast<std::uint64_t>(Limits::max()))) {
        refuse("order", "it is a whole number");
    }
    return found->get<std::int32_t>();
}

// All of them are in memory while a branch is made.
void check_number(const std::string& hook, const ConnectorSettings& settings) {
    const auto& hooks = settings.hooks;
    const bool is_new = std::none_of(hooks.begin(), hooks.end(),
                                     [&](const HookRecord& there) { return there.name == hook; });
    if (is_new && hooks.size() >= k_most_hooks) {
        refuse("hook", "a connector has at most " + std::to_string(k_most_hooks) + " hooks");
    }
}

void read_hook(const json& body, const std::vector<std::string>& superusers,
               SettingChange& change) {
    change.hook = text_field(body, "hook", k_default_hook);
    change.order = order_field(body);
    change.database = clearable_field(body, "database");
    change.run_as = clearable_field(body, "run_as");
    check("hook", hook_name_objection(change.hook));
    check("branch_sql", script_objection(change.value));
    if (!change.database.value_or("").empty()) {
        check("database", database_objection(*change.database));
    }
    if (!change.run_as.value_or("").empty()) {
        check("run_as", role_objection(*change.run_as, superusers));
    }
}

void check_plain(const json& body, const Connector& connector, const SettingChange& change) {
    for (const char* const name : {"hook", "order", "database", "run_as"}) {
        if (body.contains(name)) {
            refuse(name, "it belongs to branch_sql alone");
        }
    }
    if (change.key == k_default_db) {
        check(change.key, database_objection(change.value));
        return;
    }
    check(change.key, role_objection(change.value, connector.superusers()));
    if (connector.has_role(change.value) == false) {
        refuse(change.key, "the replica has no role " + change.value +
                               ": those come that own something at the source, or are granted "
                               "something");
    }
}

HttpResponse set(const HttpRequest& request, Registry& registry, Store& store) {
    const auto connector = registry.find(request.argument("connector_id"));
    const Key& key = key_of(request);
    const json body = read_object(request);
    if (!body.contains("value") || !body["value"].is_string()) {
        throw HttpError(422, "malformed", "value is missing or no text");
    }
    SettingChange change;
    change.connector_id = connector->id();
    change.key = key.name;
    change.value = body["value"].get<std::string>();
    if (change.key == k_branch_sql) {
        read_hook(body, connector->superusers(), change);
        check_number(change.hook, store.settings(change.connector_id));
    } else {
        check_plain(body, *connector, change);
    }
    store.save(change);
    return answer(200, setting_row(key, store.settings(change.connector_id)));
}

// The one that is meant; without a name the only one: a removal must not take more than whoever
// asks may know of.
std::string hook_to_remove(const HttpRequest& request, const ConnectorSettings& settings) {
    const auto named = request.parameter("hook");
    const auto& hooks = settings.hooks;
    if (!named && hooks.size() > 1) {
        std::string names;
        for (const HookRecord& hook : hooks) {
            names += (names.empty() ? "" : ", ") + hook.name;
        }
        throw HttpError(409, "hook_needed", "There are several hooks, name one: " + names);
    }
    const auto found = std::find_if(hooks.begin(), hooks.end(), [&](const HookRecord& hook) {
        return !named || hook.name == *named;
    });
    if (found == hooks.end()) {
        throw HttpError(404, "not_set",
                        named ? "branch_sql has no hook " + *named : "branch_sql is not set");
    }
    return found->name;
}

HttpResponse remove(const HttpRequest& request, Registry& registry, Store& store) {
    const std::string connector = registry.find(request.argument("connector_id"))->id();
    const Key& key = key_of(request);
    const ConnectorSettings settings = store.settings(connector);
    std::string hook;
    if (std::string(key.name) == k_branch_sql) {
        hook = hook_to_remove(request, settings);
    } else if (request.parameter("hook")) {
        refuse("hook", "it belongs to branch_sql alone");
    } else if (setting_row(key, settings)["value"].is_null()) {
        throw HttpError(404, "not_set", std::string(key.name) + " is not set");
    }
    store.remove_setting(connector, key.name, hook);
    return answer(200, setting_row(key, store.settings(connector)));
}

HttpResponse list(const HttpRequest& request, const Registry& registry, Store& store) {
    const ConnectorSettings settings =
        store.settings(registry.find(request.argument("connector_id"))->id());
    json rows = json::array();
    for (const Key& key : k_keys) {
        rows.push_back(setting_row(key, settings));
    }
    return answer(200, {{"settings", std::move(rows)}});
}

}  // namespace

void add_setting_routes(Router& router, Registry& registry, Store& store) {
    const std::string all = "/v1/connectors/{connector_id}/settings";
    const std::string one = all + "/{key}";
    router.add({"GET", all, Access::admin, 0, [&registry, &store](const HttpRequest& request) {
                    return list(request, registry, store);
                }});
    router.add(
        {"PUT", one, Access::admin, k_setting_body_limit,
         [&registry, &store](const HttpRequest& request) { return set(request, registry, store); },
         k_copies});
    router.add({"DELETE", one, Access::admin, k_body_limit,
                [&registry, &store](const HttpRequest& request) {
                    return remove(request, registry, store);
                }});
}

}  // namespace ardent::environment
