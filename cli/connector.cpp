// SPDX-License-Identifier: PostgreSQL
#include "cli/connector.hpp"

#include "cli/terminal.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/http/client.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>
#include <thread>

namespace ardent::cli {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

namespace {

constexpr const char* k_connectors = "/v1/connectors";
constexpr auto k_delete_patience = std::chrono::minutes(10);
constexpr std::chrono::milliseconds k_delete_poll{200};

/// With its line feeds.
std::string lines_of(const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// As one line, so that a name cannot begin one of its own.
std::string line_of(const json& value) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

std::string text_of(const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? line_of(*at) : std::string();
}

const json& object_of(const json& object, const char* name) {
    static const json s_empty = json::object();
    const auto at = object.find(name);
    return at != object.end() && at->is_object() ? *at : s_empty;
}

const json& list_of(const json& object, const char* name) {
    static const json s_empty = json::array();
    const auto at = object.find(name);
    return at != object.end() && at->is_array() ? *at : s_empty;
}

json connectors(Api& api) {
    return list_of(api.call("GET", std::string(k_connectors) + "?org_id=org_default"),
                   "connectors");
}

std::string path_of(const json& connector) {
    return std::string(k_connectors) + "/" + http::encode_component(text_of(connector, "id"));
}

// Exactly one: a name that fits none or several is refused rather than guessed.
json find_connector(Api& api, const std::string& name) {
    json found;
    for (const json& connector : connectors(api)) {
        if (lines_of(connector, "id") == name || lines_of(connector, "name") == name) {
            if (!found.is_null()) {
                throw Error(ErrorKind::replica, "several connectors are called " + name,
                            "Use the id: ardent connector list");
            }
            found = connector;
        }
    }
    if (found.is_null()) {
        throw Error(ErrorKind::replica, "there is no connector " + name,
                    "See them all: ardent connector list");
    }
    return found;
}

void print_line(std::ostream& out, const char* label, const std::string& value) {
    if (!value.empty()) {
        out << "  " << label << std::string(14 - std::string_view(label).size(), ' ') << value
            << '\n';
    }
}

std::string bytes_text(const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_number_unsigned()
               ? base::human_bytes(at->get<std::uint64_t>())
               : std::string();
}

std::string names_text(const json& names) {
    std::vector<std::string> texts;
    for (const json& name : names) {
        texts.push_back(line_of(name));
    }
    return base::join(texts, ", ");
}

void print_failure(const json& connector, std::ostream& out) {
    const json& failure = object_of(connector, "failure");
    if (failure.empty()) {
        return;
    }
    out << "  ✗ " << text_of(failure, "message") << '\n';
    print_line(out, "  table", text_of(failure, "table"));
    print_line(out, "  row", text_of(failure, "row"));
    print_line(out, "  LSN", text_of(failure, "lsn"));
    if (const std::string hint = text_of(failure, "hint"); !hint.empty()) {
        out << "    → " << hint << '\n';
    }
}

void print_not_carried(const json& connector, std::ostream& out) {
    const json& left = object_of(connector, "not_carried");
    constexpr std::array<std::pair<const char*, const char*>, 6> k_kinds = {
        {{"sequences", "sequences that the role may not read"},
         {"unlogged", "unlogged tables"},
         {"foreign_tables", "foreign tables"},
         {"materialized_views", "materialized views"},
         {"extension_tables", "tables of extensions"},
         {"not_exact", "not exact: NaN and Infinity"}}};
    for (const auto& [name, label] : k_kinds) {
        if (const std::string names = names_text(list_of(left, name)); !names.empty()) {
            out << "  not carried: " << label << ": " << base::clip_utf8(names, 300) << '\n';
        }
    }
    for (const json& object : list_of(left, "objects")) {
        out << "  not carried: " << text_of(object, "type") << ' ' << text_of(object, "identity")
            << ": " << base::clip_utf8(text_of(object, "because"), 300) << '\n';
    }
    const auto objects = left.find("large_objects");
    if (objects != left.end() && objects->is_number_unsigned() &&
        objects->get<std::uint64_t>() > 0) {
        out << "  not carried: " << objects->dump() << " large objects\n";
    }
}

/// What fails and what warns at the source, each with its id, under which docs/preflight.md has a
/// part.
void print_checks(const json& connector, std::ostream& out) {
    const json& checks = object_of(connector, "checks");
    if (checks.empty()) {
        return;
    }
    const auto count = [&](const char* name) {
        const auto at = checks.find(name);
        return at != checks.end() && at->is_number_unsigned() ? at->dump() : "?";
    };
    const std::string at = text_of(checks, "checked_at");
    print_line(out, "checks",
               count("failing") + " failing, " + count("warning") + " warning" +
                   (at.empty() ? "" : ", at " + at));
    for (const json& finding : list_of(checks, "findings")) {
        const std::string detail = text_of(finding, "detail");
        out << "    " << (text_of(finding, "status") == "fail" ? "✗ " : "⚠ ")
            << text_of(finding, "label") << " (" << text_of(finding, "id") << ")"
            << (detail.empty() ? "" : ": " + base::clip_utf8(detail, 200)) << '\n';
    }
}

void print_sequences(const json& connector, std::ostream& out) {
    const json& sequences = object_of(connector, "sequences");
    const auto figure = [&](const char* name) {
        const auto at = sequences.find(name);
        return at != sequences.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
    };
    if (sequences.empty()) {
        return;
    }
    const std::uint64_t pending = figure("pending");
    print_line(out, "sequences",
               std::to_string(figure("followed")) + " followed, as of " +
                   std::to_string(figure("age_seconds")) + " s ago" +
                   (pending > 0 ? ", " + std::to_string(pending) + " not set yet" : ""));
}

/// The tables whose rows here are not the source's, until they are copied again.
void print_copy_again(const json& connector, std::ostream& out) {
    for (const json& one : list_of(connector, "copy_again")) {
        const std::string detail = text_of(one, "detail");
        const auto held = one.find("held_changes");
        out << "  ◐ copying again: " << text_of(one, "table") << " (" << text_of(one, "state")
            << (held != one.end() && held->is_number_unsigned()
                    ? ", " + held->dump() + " changes held"
                    : "")
            << "): " << base::clip_utf8(text_of(one, "why"), 200) << '\n';
        if (!detail.empty()) {
            out << "    → " << base::clip_utf8(detail, 300) << '\n';
        }
    }
}

/// Of the connector, or of its agent.
void print_warnings(const json& of, std::ostream& out) {
    for (const json& warning : list_of(of, "warnings")) {
        out << "  ⚠ " << line_of(warning) << '\n';
    }
}

void wait_until_gone(Api& api, const std::string& operation) {
    const auto deadline = std::chrono::steady_clock::now() + k_delete_patience;
    while (std::chrono::steady_clock::now() < deadline) {
        const auto asked = std::chrono::steady_clock::now();
        const json state =
            api.call("GET", "/v1/operations/" + http::encode_component(operation) + "?wait=10");
        const std::string status = text_of(state, "status");
        if (status == "completed") {
            return;
        }
        if (status == "failed") {
            throw Error(ErrorKind::replica, "the delete failed: " + text_of(state, "error"));
        }
        // The environment holds few such calls; the others it answers at once.
        std::this_thread::sleep_until(asked + k_delete_poll);
    }
    throw Error(ErrorKind::replica, "the delete did not complete within 10 minutes",
                "It may still be running: run the same command again. Operation " + operation);
}

}  // namespace

const char* connector_icon(const std::string& status) noexcept {
    if (status == "streaming" || status == "degraded") {
        return "●";
    }
    return status == "failed" ? "○" : "◐";
}

void create_connector(Api& api, const CreateOptions& options, std::ostream& out) {
    const json answer =
        api.call("POST", k_connectors,
                 {{"name", options.name},
                  {"org_id", "org_default"},
                  {"project_id", "project_default"},
                  {"service_name", "postgresql"},
                  {"drop_extensions", options.drop_extensions},
                  {"connection_details", {{"sidecar", true}, {"schemas", options.schemas}}}});
    if (options.json) {
        out << answer.dump(2) << '\n';
        return;
    }
    out << "✓ Connector '" << text_of(answer, "name") << "' created (" << text_of(answer, "status")
        << ")\n"
        << "  ID:    " << text_of(answer, "id") << '\n'
        << "  Token: " << text_of(answer, "agent_token") << "   (shown once)\n\n";
    const json& agent = object_of(answer, "agent_hints");
    out << "Beside the source, put this into /etc/ardent/agent.toml:\n\n"
        << lines_of(agent, "config") << "\nand run as root:\n\n";
    for (const json& command : list_of(agent, "commands")) {
        out << "  " << line_of(command) << '\n';
    }
}

void list_connectors(Api& api, bool json_output, std::ostream& out) {
    const json all = connectors(api);
    if (json_output) {
        out << all.dump(2) << '\n';
        return;
    }
    if (all.empty()) {
        out << "No connectors found.\nCreate one with: ardent connector create <name> --sidecar\n";
        return;
    }
    out << "Connectors:\n";
    for (const json& connector : all) {
        const std::string status = text_of(connector, "status");
        const std::size_t warnings = list_of(connector, "warnings").size();
        out << "  " << connector_icon(status) << ' ' << text_of(connector, "name") << " [" << status
            << ']' << (warnings > 0 ? "  ⚠ " + std::to_string(warnings) : "") << '\n'
            << "      " << text_of(connector, "service_name") << "  " << text_of(connector, "id")
            << '\n';
    }
}

void show_connector(Api& api, const std::string& name, bool json_output, std::ostream& out) {
    const json connector = api.call("GET", path_of(find_connector(api, name)));
    if (json_output) {
        out << connector.dump(2) << '\n';
        return;
    }
    const json& replica = object_of(connector, "replica");
    const json& source = object_of(connector, "source");
    const json& agent = object_of(connector, "agent");
    const json& copy = object_of(connector, "copy");
    out << "Connector: " << text_of(connector, "name") << '\n'
        << "Service:   " << text_of(connector, "service_name") << '\n'
        << "Status:    " << text_of(connector, "status") << '\n';
    print_line(out, "id", text_of(connector, "id"));
    const std::string detail = text_of(copy, "detail");
    print_line(out, "copy", text_of(copy, "phase") + (detail.empty() ? "" : " " + detail));
    print_line(out, "durable", text_of(replica, "durable_lsn"));
    print_line(out, "lag", bytes_text(replica, "lag_bytes"));
    print_sequences(connector, out);
    print_line(out, "slot", text_of(source, "slot"));
    print_line(out, "retained WAL", bytes_text(source, "retained_wal_bytes"));
    print_line(out, "WAL status", text_of(source, "wal_status"));
    print_line(out, "agent seen", text_of(agent, "seen_at"));
    print_line(out, "replica", text_of(replica, "psql"));
    print_line(out, "left out", names_text(list_of(connector, "drop_extensions")));
    print_failure(connector, out);
    print_copy_again(connector, out);
    print_warnings(connector, out);
    print_warnings(agent, out);
    print_checks(connector, out);
    print_not_carried(connector, out);
}

void update_connector(Api& api, const std::string& name,
                      const std::vector<std::string>& drop_extensions, std::ostream& out) {
    const json answer =
        api.call("PUT", path_of(find_connector(api, name)), {{"drop_extensions", drop_extensions}});
    const std::string names = names_text(list_of(answer, "drop_extensions"));
    out << "✓ Connector '" << text_of(answer, "name") << "': "
        << (names.empty() ? "no extension is left out" : "left out of the replica: " + names)
        << '\n';
    if (text_of(answer, "status") == "failed") {
        out << "  It has failed; to go on: ardent connector retry-setup " << name << '\n';
    }
}

void delete_connector(Api& api, const std::string& name, std::ostream& out) {
    const json handle = api.call("DELETE", path_of(find_connector(api, name)));
    wait_until_gone(api, text_of(handle, "operation_id"));
    out << "✓ Connector deleted\n"
        << "  The slot on the source stays until it is dropped there: docs/uninstall.md\n";
}

void retry_setup(Api& api, const std::string& name, bool resync, const std::string& skip_ddl,
                 std::ostream& out) {
    const json connector = find_connector(api, name);
    json body = {{"resync", resync}};
    if (!skip_ddl.empty()) {
        body["skip_ddl"] = skip_ddl;
    }
    const json answer = api.call("POST", path_of(connector) + "/engine-setup", body);
    const std::string message = text_of(answer, "message");
    out << "✓ " << (message.empty() ? "Setup goes on" : message) << '\n';
}

}  // namespace ardent::cli
