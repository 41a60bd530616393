// SPDX-License-Identifier: PostgreSQL
#include "cli/settings.hpp"

#include "cli/failure.hpp"
#include "common/base/fd.hpp"
#include "common/base/text.hpp"
#include "common/ddl/sql_tokens.hpp"
#include "common/http/client.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <ostream>
#include <unistd.h>

namespace ardent::cli {

using nlohmann::json;

namespace {

constexpr std::size_t k_script_limit = 1048576;  // the environment's own
constexpr std::size_t k_shown = 60;              // bytes of a script in a list
constexpr std::size_t k_key_width = 13;          // "default_db   "
constexpr std::string_view k_script_key = "branch_sql";
constexpr std::array<std::string_view, 3> k_keys = {"default_db", k_script_key, "branch_role"};

std::string text_of(const json& object, const char* name) {
    const auto at = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>()
                                                                       : std::string();
}

void check_key(const std::string& key) {
    if (std::find(k_keys.begin(), k_keys.end(), key) == k_keys.end()) {
        throw usage_failure(
            "there is no setting '" + base::clip_utf8(base::one_line(key), 100) + "'",
            "There are: default_db, branch_sql, branch_role.");
    }
}

void check_options(const SettingChange& change) {
    const bool of_hooks = change.hook || change.order || change.database || change.run_as ||
                          change.no_database || change.no_run_as;
    if (of_hooks && change.key != k_script_key) {
        throw usage_failure(
            "--hook, --order, --database and --run-as are for branch_sql, not for " + change.key);
    }
}

std::string path_of(const ConnectorRef& connector, const std::string& key = {}) {
    return "/v1/connectors/" + http::encode_component(connector.id) + "/settings" +
           (key.empty() ? "" : "/" + key);
}

json body_of(const SettingChange& change, const std::string& value) {
    json body = {{"value", value}};
    if (change.hook) {
        body["hook"] = *change.hook;
    }
    if (change.order) {
        body["order"] = *change.order;
    }
    if (change.database || change.no_database) {
        body["database"] = change.database ? json(*change.database) : json();
    }
    if (change.run_as || change.no_run_as) {
        body["run_as"] = change.run_as ? json(*change.run_as) : json();
    }
    return body;
}

void print_row(std::ostream& out, const std::string& key, const std::string& value) {
    out << "  " << key << std::string(k_key_width - std::min(key.size(), k_key_width - 1), ' ')
        << value << '\n';
}

/// " [hook mask, order 10, database shop, run as app]"; nothing of what is as it is without
/// options.
std::string particulars(const json& hook) {
    std::vector<std::string> parts;
    if (const std::string name = text_of(hook, "hook"); name != "default") {
        parts.push_back("hook " + base::one_line(name));
    }
    const auto order = hook.find("order");
    if (order != hook.end() && order->is_number_integer() && order->get<std::int64_t>() != 0) {
        parts.push_back("order " + std::to_string(order->get<std::int64_t>()));
    }
    if (const std::string database = text_of(hook, "database"); !database.empty()) {
        parts.push_back("database " + base::one_line(database));
    }
    if (const std::string role = text_of(hook, "run_as"); !role.empty()) {
        parts.push_back("run as " + base::one_line(role));
    }
    return parts.empty() ? "" : "   [" + base::join(parts, ", ") + "]";
}

void print_setting(const json& row, std::ostream& out) {
    const std::string key = base::one_line(text_of(row, "key"));
    const bool has_hooks = row.is_object() && row.contains("hooks") && row["hooks"].is_array();
    if (has_hooks) {
        for (const json& hook : row["hooks"]) {
            print_row(out, key, shown_sql(text_of(hook, "value")) + particulars(hook));
        }
    }
    const std::string value = text_of(row, "value");
    if (!value.empty()) {
        print_row(out, key, base::one_line(value));
    } else if (!has_hooks || row["hooks"].empty()) {
        print_row(out, key, "(not set)   " + base::one_line(text_of(row, "description")));
    }
}

std::string hook_text(const std::optional<std::string>& hook) {
    return hook ? " (hook " + base::one_line(*hook) + ")" : "";
}

}  // namespace

std::string read_script(const std::string& path) {
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto fail = [&](const std::string& why) { throw usage_failure(path + " " + why); };
    if (!file.valid()) {
        fail(std::string("cannot be read: ") + std::strerror(errno));
    }
    std::string text;
    std::array<char, 65536> piece{};
    for (;;) {
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            fail(std::string("cannot be read: ") + std::strerror(errno));
        }
        if (got == 0) {
            break;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > k_script_limit) {
            fail("is longer than " + base::human_bytes(k_script_limit) + ", the most for a script");
        }
    }
    constexpr std::string_view k_mark = "\xef\xbb\xbf";
    if (text.starts_with(k_mark)) {
        text.erase(0, k_mark.size());
    }
    if (!base::is_utf8(text)) {
        fail("is no UTF-8 text");
    }
    return text;
}

std::string shown_sql(const std::string& sql) {
    ddl::SqlScanner scanner(sql, true);
    std::string shown;
    std::size_t end = 0;
    while (const std::optional<ddl::Token> token = scanner.next()) {
        shown += shown.empty() || token->begin == end ? "" : " ";
        shown += token->kind == ddl::TokenKind::string
                     ? "'…'"
                     : sql.substr(token->begin, token->end - token->begin);
        end = token->end;
        if (shown.size() > k_shown) {
            break;
        }
    }
    return base::clip_utf8(base::one_line(shown), k_shown);
}

Settings::Settings(Api& api, const Variables& environment, std::string connector, std::ostream& out)
    : m_api(api), m_environment(environment), m_connector(std::move(connector)), m_out(out) {}

ConnectorRef Settings::connector() {
    return choose_connector(list_connector_refs(m_api), m_connector,
                            selections_at(read_config(m_environment), m_api.url()));
}

void Settings::list() {
    const ConnectorRef chosen = connector();
    const json answer = m_api.call("GET", path_of(chosen));
    if (!answer.is_object() || !answer.contains("settings") || !answer["settings"].is_array()) {
        throw Failure("api_error", "the environment's answer has no list of settings",
                      k_which_environment);
    }
    m_out << "Connector: " << base::one_line(chosen.name) << '\n';
    for (const json& row : answer["settings"]) {
        print_setting(row, m_out);
    }
}

void Settings::set(const SettingChange& change) {
    check_key(change.key);
    check_options(change);
    const bool script = change.key == k_script_key;
    const bool from_file = script && change.value.starts_with('@');
    const std::string value = from_file ? read_script(change.value.substr(1)) : change.value;
    if (base::trim(value).empty() || !base::is_utf8(value) || value.size() > k_script_limit) {
        throw usage_failure("the value of " + change.key +
                                " is empty, no UTF-8 text, or longer than " +
                                base::human_bytes(k_script_limit),
                            "Take a setting away with: ardent settings remove " + change.key);
    }
    const ConnectorRef chosen = connector();
    m_api.call("PUT", path_of(chosen, change.key), body_of(change, value));
    m_out << "✓ Set " << change.key << " → "
          << (!script || from_file ? base::one_line(change.value) : shown_sql(value))
          << hook_text(change.hook) << '\n';
}

void Settings::remove(const std::string& key, const std::optional<std::string>& hook) {
    check_key(key);
    SettingChange change;
    change.key = key;
    change.hook = hook;
    check_options(change);
    const ConnectorRef chosen = connector();
    m_api.call("DELETE",
               path_of(chosen, key) + (hook ? "?hook=" + http::encode_component(*hook) : ""));
    m_out << "✓ Removed " << key << hook_text(hook) << '\n';
}

}  // namespace ardent::cli
