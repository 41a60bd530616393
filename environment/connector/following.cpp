// SPDX-License-Identifier: PostgreSQL
// A connector's part in following the source's sequences: the agent's reports wait until the
// replica has come to the position at which they were read, then the keeper sets what changed.
#include "environment/connector/connector.hpp"

#include "common/base/text.hpp"
#include "common/process/log.hpp"
#include "common/pq/connection.hpp"
#include "environment/replica/sequence_values.hpp"

#include <algorithm>

namespace ardent::environment {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes k_old{1};

std::vector<std::string> printed(const std::vector<model::RelationName>& names) {
    std::vector<std::string> texts;
    texts.reserve(names.size());
    for (const model::RelationName& name : names) {
        texts.push_back(model::to_string(name));
    }
    return texts;
}

}  // namespace

protocol::Progress Connector::sequences(const protocol::SequenceReport& report) {
    const auto current = session(report.session);
    note_agent();
    if (current->worker) {
        const std::lock_guard lock(m_mutex);
        current->sequences.take(report, Clock::now());
        std::vector<std::string> unreadable = printed(report.unreadable);
        if (m_record.not_carried.sequences != unreadable) {
            m_record.not_carried.sequences = std::move(unreadable);
            save();
        }
    }
    return progress_of(current);
}

// Under the life-cycle lock. What is not set for want of a connection is due at the next look.
void Connector::set_due_sequences() {
    std::shared_ptr<Session> session;
    std::vector<protocol::SequenceValue> due;
    std::string database;
    {
        const std::lock_guard lock(m_mutex);
        session = m_session;
        if (!session || !session->worker || m_record.failure) {
            return;
        }
        database = m_record.source->database;
    }
    const std::uint64_t ddl = session->worker->counters().ddl_applied;
    const model::Lsn durable = session->worker->durable();
    {
        const std::lock_guard lock(m_mutex);
        session->sequences.reach(durable, ddl);
        due = session->sequences.due();
    }
    if (due.empty()) {
        return;
    }
    pq::ConnectOptions options =
        m_instance->connect_options(k_apply_role, database, base::ErrorKind::replica);
    options.parameters.emplace_back("client_encoding", "UTF8");
    options.parameters.emplace_back("application_name", "ardent sequences");
    pq::Connection apply(options);
    const SequenceTroubles troubles = set_sequences(apply, due);
    const std::lock_guard lock(m_mutex);
    session->sequences.settle(due, troubles);
}

std::vector<std::string> sequence_warnings(const SequenceState& state) {
    std::vector<std::string> warnings;
    if (state.age > k_old) {
        warnings.push_back(
            "the values of sequences are " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(state.age).count()) +
            " s old: no newer report of the agent is in the replica");
    }
    std::vector<std::string> each;
    for (const auto& [name, why] : state.stuck) {
        each.push_back(model::to_string(name) + " (" + why + ")");
    }
    if (!each.empty()) {
        warnings.push_back("values of sequences could not be set in the replica: " +
                           base::join(each, ", "));
    }
    return warnings;
}

}  // namespace ardent::environment
