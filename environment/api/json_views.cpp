// SPDX-License-Identifier: PostgreSQL
#include "environment/api/json_views.hpp"

#include "common/base/text.hpp"
#include "common/protocol/json_fields.hpp"
#include "environment/api/check_summary.hpp"

namespace ardent::environment {

using protocol::json;
using protocol::nullable;

namespace {

json text_or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

// A value whose fields are the protocol's.
template <class T>
json value_of(const T& value) {
    return protocol::parse_json("a record", protocol::to_json(value));
}

// An agent's report stands deeper in our answers than in its hello, and who reads them has the same
// limit.
json preflight_json(const std::string& report) {
    const bool fits = base::json_depth_within(report, base::k_json_depth / 2);
    json value = fits ? protocol::try_json(report) : json(nullptr);
    return value.is_discarded() ? json(nullptr) : value;
}

json lag_of(const ConnectorView& view) {
    const auto& status = view.record.agent_status;
    if (!status || !status->source_lsn || !view.durable) {
        return nullptr;
    }
    const std::uint64_t source = status->source_lsn->value;
    return source > view.durable->value ? source - view.durable->value : 0;
}

json agent_json(const ConnectorView& view) {
    const ConnectorRecord& record = view.record;
    json agent = {{"connected", view.agent_connected},
                  {"version", text_or_null(record.agent_version)},
                  {"seen_at", text_or_null(record.agent_seen_at)}};
    if (record.agent_status) {
        const protocol::AgentStatus& status = *record.agent_status;
        agent["resident_bytes"] = nullable(status.resident_bytes);
        agent["warnings"] = status.warnings;
    }
    return agent;
}

json source_json(const ConnectorRecord& record) {
    if (!record.source) {
        return nullptr;
    }
    json source = value_of(*record.source);
    source["slot"] = record.slot;
    if (record.agent_status) {
        source["lsn"] = nullable(record.agent_status->source_lsn);
        source["wal_status"] = nullable(record.agent_status->wal_status);
        source["retained_wal_bytes"] = nullable(record.agent_status->retained_wal_bytes);
        source["safe_wal_size"] = nullable(record.agent_status->safe_wal_size);
        source["wal_bytes_per_second"] = nullable(record.agent_status->wal_bytes_per_second);
    }
    return source;
}

json replica_json(const ConnectorView& view) {
    return {{"running", view.replica_running},
            {"durable_lsn", nullable(view.durable)},
            {"lag_bytes", lag_of(view)},
            {"containment", text_or_null(std::string(view.containment))},
            {"volume", text_or_null(std::string(view.volume))},
            {"psql", text_or_null(view.psql)},
            {"transactions_applied", view.applied.transactions},
            {"rows_applied", view.applied.rows}};
}

json checks_json(const ConnectorRecord& record) {
    const auto summary = summarize(record.preflight);
    if (!summary) {
        return nullptr;
    }
    json findings = json::array();
    for (const CheckFinding& finding : summary->findings) {
        findings.push_back({{"id", finding.id},
                            {"label", finding.label},
                            {"status", finding.status},
                            {"detail", text_or_null(finding.detail)}});
    }
    return {{"checked_at", text_or_null(record.preflight_at)},
            {"failing", summary->failing},
            {"warning", summary->warning},
            {"findings", std::move(findings)}};
}

json ddl_json(const ConnectorView& view) {
    return {{"capture", view.record.captures},
            {"statements_applied", view.applied.ddl_applied},
            {"statements_left_out", view.applied.ddl_left_out},
            {"messages_refused", view.applied.ddl_refused},
            {"last_refused", text_or_null(view.applied.ddl_last_refused)},
            {"skip_lsn", nullable(view.record.skip_ddl)}};
}

json sequences_json(const std::optional<SequenceState>& state) {
    if (!state) {
        return nullptr;
    }
    json stuck = json::array();
    for (const auto& [name, why] : state->stuck) {
        stuck.push_back(model::to_string(name) + ": " + why);
    }
    return {{"followed", state->followed},
            {"pending", state->pending},
            {"age_seconds", std::chrono::duration_cast<std::chrono::seconds>(state->age).count()},
            {"not_set", std::move(stuck)}};
}

json copy_json(const ConnectorView& view) {
    if (!view.copy) {
        return nullptr;
    }
    return {{"id", view.copy->copy_id}, {"phase", view.copy->phase}, {"detail", view.copy->detail}};
}

json copy_again_json(const ConnectorView& view) {
    json list = json::array();
    for (const apply::CopyAgainView& one : view.copy_again) {
        list.push_back({{"table", model::to_string(one.table)},
                        {"why", one.why},
                        {"since_lsn", model::to_string(one.since)},
                        {"state", one.state},
                        {"detail", text_or_null(one.detail)},
                        {"rows", one.rows},
                        {"bytes", one.bytes},
                        {"held_changes", one.held}});
    }
    return list;
}

// A basic string of TOML is escaped as one of JSON is, but for DEL, which only TOML forbids.
std::string toml_string(const std::string& text) {
    std::string quoted;
    for (const char c : protocol::dump(text)) {
        quoted += c == '\x7f' ? "\\u007f" : std::string(1, c);
    }
    return quoted;
}

std::string toml_list(const std::vector<std::string>& texts) {
    std::vector<std::string> quoted;
    quoted.reserve(texts.size());
    for (const std::string& text : texts) {
        quoted.push_back(toml_string(text));
    }
    return "[" + base::join(quoted, ", ") + "]";
}

json triggers_json(const std::vector<DisabledTrigger>& triggers) {
    json list = json::array();
    for (const DisabledTrigger& trigger : triggers) {
        list.push_back(model::to_string(trigger.relation) + ": " + trigger.name);
    }
    return list;
}

}  // namespace

json connector_row(const ConnectorView& view) {
    const ConnectorRecord& record = view.record;
    const json failure = record.failure ? value_of(*record.failure) : json(nullptr);
    return {{"id", record.id},
            {"name", record.name},
            {"org_id", record.org_id},
            {"project_id", record.project_id},
            {"service_name", record.service_name},
            {"status", view.status},
            {"can_delete", true},
            {"can_update", true},
            {"created_at", record.created_at},
            {"schemas", record.schemas},
            {"drop_extensions", record.drop_extensions},
            {"failure", failure},
            {"warnings", view.warnings},
            {"agent", agent_json(view)},
            {"source", source_json(record)},
            {"replica", replica_json(view)},
            {"ddl", ddl_json(view)},
            {"sequences", sequences_json(view.sequences)},
            {"copy", copy_json(view)},
            {"copy_again", copy_again_json(view)},
            {"not_carried", value_of(record.not_carried)},
            {"disabled_triggers", triggers_json(record.disabled_triggers)},
            {"checks", checks_json(record)},
            {"preflight", preflight_json(record.preflight)}};
}

json agent_hints(const std::string& public_url, const ConnectorRecord& record,
                 const std::string& token) {
    const std::string configuration =
        "[environment]\nurl = " + toml_string(public_url) +
        "\nconnector = " + toml_string(record.id) +
        "\ntoken_file = \"/etc/ardent/agent.token\"\n\n[source]\nhost = \"127.0.0.1\"\ndatabase "
        "= \"...\"\n"
        "password_file = \"/etc/ardent/source.password\"\nschemas = " +
        toml_list(record.schemas) + "\n";
    json hints = {
        {"url", public_url},
        {"connector_id", record.id},
        {"config", configuration},
        {"commands",
         {"install -m 0600 /dev/stdin /etc/ardent/agent.token   # paste the token, then Ctrl-D",
          "editor /etc/ardent/agent.toml   # see config",
          "ardent-agent check --config /etc/ardent/agent.toml",
          "systemctl enable --now ardent-agent"}}};
    if (!token.empty()) {
        hints["token"] = token;
    }
    return hints;
}

json operation_handle(const OperationRecord& record) {
    return {{"operation_id", record.id},
            {"resource_id", record.resource_id},
            {"status", record.status},
            {"type", record.type}};
}

json operation_row(const OperationRecord& record, json result) {
    return {{"id", record.id},
            {"org_id", k_org},
            {"type", record.type},
            {"status", record.status},
            {"resource_id", record.resource_id},
            {"error", text_or_null(record.error)},
            {"result", std::move(result)},
            {"progress", nullptr},
            {"stage", nullptr},
            {"stage_label", nullptr},
            {"created_at", record.created_at},
            {"started_at", record.created_at},
            {"updated_at", record.updated_at},
            {"completed_at", text_or_null(record.completed_at)}};
}

}  // namespace ardent::environment
