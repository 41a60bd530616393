// SPDX-License-Identifier: PostgreSQL
// A connector's replica as something that branches are cut from.
#include "environment/connector/connector.hpp"

#include "common/base/text.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/server/http.hpp"

namespace ardent::environment {

namespace {

constexpr int k_version_of_major = 10000;

std::vector<std::string> what_is_missing(const ConnectorRecord& record) {
    std::vector<std::string> missing = {
        "large objects", "rows of unlogged tables",
        "materialized views are as they were when the replica was copied or last refreshed"};
    for (const model::RelationName& table : record.excluded) {
        missing.push_back("table " + model::to_string(table) + " (excluded)");
    }
    for (const std::string& warning : record.copy_warnings) {
        missing.push_back(warning);
    }
    return missing;
}

}  // namespace

CutSource Connector::cut_source(bool allow_stale) const {
    const ConnectorView now = view();
    std::string reason;
    if (now.status != "streaming" && now.status != "degraded") {
        reason = "the connector is " + now.status +
                 (now.record.failure ? ": " + now.record.failure->message : "");
    } else if (!now.copy_again.empty()) {
        reason = apply::waiting_text(now.copy_again);
    } else if (!now.agent_connected) {
        reason = "no agent is connected: the source may have changed";
    }
    const std::lock_guard lock(m_mutex);
    const bool has_replica =
        m_instance && m_instance->alive() && m_record.source && m_record.phase == Phase::streaming;
    if (!has_replica || (!reason.empty() && !allow_stale)) {
        throw HttpError(422, now.copy_again.empty() ? "connector_not_ready" : "tables_copying",
                        "There is nothing to cut a branch from: " +
                            (reason.empty() ? "the replica's server does not run" : reason) +
                            (has_replica ? ". allow_stale takes the replica as it is" : ""));
    }
    return {m_instance,
            m_record.name,
            m_record.source->database,
            m_record.source->server_version_num / k_version_of_major,
            m_record.disabled_triggers,
            what_is_missing(m_record),
            reason.empty() ? "" : "cut from a replica that is not up to date: " + reason,
            allow_stale,
            m_superusers};
}

std::vector<std::string> Connector::superusers() const {
    const std::lock_guard lock(m_mutex);
    return m_superusers;
}

std::optional<bool> Connector::has_role(const std::string& role) const {
    std::shared_ptr<Instance> replica;
    {
        const std::lock_guard lock(m_mutex);
        if (m_record.phase == Phase::streaming) {
            replica = m_instance;
        }
    }
    if (!replica || !replica->alive()) {
        return std::nullopt;
    }
    try {
        Superuser admin(*replica, "template1", base::ErrorKind::replica);
        return admin
                   ->exec("SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1",
                          {role})
                   .rows() > 0;
    } catch (const base::Error&) {
        return std::nullopt;  // it is just being stopped or started
    }
}

}  // namespace ardent::environment
