// SPDX-License-Identifier: PostgreSQL
#include "environment/api/metrics.hpp"

#include "common/base/version.hpp"
#include "environment/api/check_summary.hpp"

#include <functional>
#include <optional>

namespace ardent::environment {

namespace {

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\' || c == '"') {
            result += '\\';
        }
        result += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return result;
}

std::string labels(const ConnectorRecord& record) {
    return "{connector=\"" + escaped(record.id) + "\",name=\"" + escaped(record.name) + "\"}";
}

using Figure = std::function<std::optional<std::uint64_t>(const ConnectorView&)>;

struct Metric {
    const char* name;
    const char* type;
    const char* help;
    Figure figure;
};

std::optional<std::uint64_t> lag(const ConnectorView& view) {
    const auto& status = view.record.agent_status;
    if (!status || !status->source_lsn || !view.durable) {
        return std::nullopt;
    }
    const std::uint64_t source = status->source_lsn->value;
    return source > view.durable->value ? source - view.durable->value : 0;
}

const std::vector<Metric>& metrics() {
    using View = ConnectorView;
    static const std::vector<Metric> list = {
        {"ardent_connector_failed", "gauge", "1 while the connector is stopped by a failure",
         [](const View& view) { return std::uint64_t{view.record.failure ? 1U : 0U}; }},
        {"ardent_connector_streaming", "gauge", "1 while the replica is complete and not stopped",
         [](const View& view) {
             return std::uint64_t{
                 view.record.phase == Phase::streaming && !view.record.failure ? 1U : 0U};
         }},
        {"ardent_agent_connected", "gauge",
         "1 while the agent was heard of within environment.agent_timeout",
         [](const View& view) { return std::uint64_t{view.agent_connected ? 1U : 0U}; }},
        {"ardent_replica_running", "gauge", "1 while the replica's server lives",
         [](const View& view) { return std::uint64_t{view.replica_running ? 1U : 0U}; }},
        {"ardent_replica_contained", "gauge",
         "1 while nothing in the replica's server can reach this host",
         [](const View& view) {
             return std::uint64_t{view.containment == "bubblewrap" ? 1U : 0U};
         }},
        {"ardent_durable_lsn_bytes", "gauge",
         "position of the source that is durable in the replica",
         [](const View& view) {
             return view.durable ? std::optional(view.durable->value) : std::nullopt;
         }},
        {"ardent_lag_bytes", "gauge", "WAL of the source that is not durable in the replica yet",
         lag},
        {"ardent_source_retained_wal_bytes", "gauge", "WAL that the slot keeps on the source",
         [](const View& view) {
             const auto& status = view.record.agent_status;
             return status ? status->retained_wal_bytes : std::nullopt;
         }},
        {"ardent_agent_resident_bytes", "gauge", "resident memory of the agent",
         [](const View& view) {
             const auto& status = view.record.agent_status;
             return status ? status->resident_bytes : std::nullopt;
         }},
        {"ardent_preflight_failing_checks", "gauge",
         "checks that fail in the newest preflight report of the source",
         [](const View& view) {
             const auto summary = summarize(view.record.preflight);
             return summary ? std::optional<std::uint64_t>(summary->failing) : std::nullopt;
         }},
        {"ardent_preflight_warning_checks", "gauge",
         "checks that warn in the newest preflight report of the source",
         [](const View& view) {
             const auto summary = summarize(view.record.preflight);
             return summary ? std::optional<std::uint64_t>(summary->warning) : std::nullopt;
         }},
        {"ardent_preflight_timestamp_seconds", "gauge",
         "when the newest preflight report of the source came, in seconds since 1970",
         [](const View& view) { return checked_at(view.record); }},
        {"ardent_sequences_age_seconds", "gauge",
         "since the newest values of sequences that the replica has came from the agent",
         [](const View& view) {
             using std::chrono::duration_cast;
             return view.sequences
                        ? std::optional(static_cast<std::uint64_t>(
                              duration_cast<std::chrono::seconds>(view.sequences->age).count()))
                        : std::nullopt;
         }},
        {"ardent_sequences_pending", "gauge",
         "sequences whose value could not be set in the replica yet",
         [](const View& view) {
             return view.sequences ? std::optional<std::uint64_t>(view.sequences->pending)
                                   : std::nullopt;
         }},
        {"ardent_transactions_applied_total", "counter",
         "source transactions applied since the environment started",
         [](const View& view) { return view.applied.transactions; }},
        {"ardent_rows_applied_total", "counter",
         "row changes applied since the environment started",
         [](const View& view) { return view.applied.rows; }},
        {"ardent_ddl_applied_total", "counter",
         "DDL statements replayed since the environment started",
         [](const View& view) { return view.applied.ddl_applied; }},
        {"ardent_ddl_refused_total", "counter",
         "messages that pretended to be DDL of the source, since the environment started",
         [](const View& view) { return view.applied.ddl_refused; }},
        {"ardent_tables_copied_again", "gauge",
         "tables whose rows in the replica wait for a new copy",
         [](const View& view) { return std::uint64_t{view.copy_again.size()}; }},
        {"ardent_held_changes", "gauge", "changes of those tables that are held until then",
         [](const View& view) {
             std::uint64_t held = 0;
             for (const apply::CopyAgainView& one : view.copy_again) {
                 held += one.held;
             }
             return held;
         }},
    };
    return list;
}

}  // namespace

std::string metrics_text(const std::vector<ConnectorView>& views) {
    std::string text =
        "# HELP ardent_environment_info version of the environment\n"
        "# TYPE ardent_environment_info gauge\n"
        "ardent_environment_info{version=\"" +
        std::string(base::version()) + "\"} 1\n";
    for (const Metric& metric : metrics()) {
        text += std::string("# HELP ") + metric.name + " " + metric.help + "\n# TYPE " +
                metric.name + " " + metric.type + "\n";
        for (const ConnectorView& view : views) {
            if (const auto figure = metric.figure(view)) {
                text += metric.name + labels(view.record) + " " + std::to_string(*figure) + "\n";
            }
        }
    }
    return text;
}

}  // namespace ardent::environment
