// SPDX-License-Identifier: PostgreSQL
// The initial copy (docs/protocol.md, "Copy"): makes the slot, takes everything from the snapshot
// that it exports (invariant 10), and ends with a replica that stands at the slot's consistent
// point. Runs on the main thread.
//
// It holds ACCESS SHARE locks on the tables, and one old snapshot, as long as it lasts. Whatever
// interrupts it before all rows are sent, the slot is dropped and the next one begins from nothing;
// afterwards the environment completes the copy by itself, and hello tells how it ended.
#pragma once

#include "agent/config/settings.hpp"
#include "agent/send/environment_api.hpp"
#include "agent/send/link.hpp"
#include "agent/source/slot.hpp"
#include "common/process/notify.hpp"
#include "common/process/signals.hpp"
#include "common/protocol/messages.hpp"

#include <chrono>
#include <string>

namespace ardent::agent {

class Copier {
public:
    struct Parts {
        const Settings& settings;
        EnvironmentApi& api;
        process::TerminationSignals& signals;
        process::Notifier& notifier;
        const Link& link;  // what the reporter finds out meanwhile
        const AgentName& name;
    };

    Copier(Parts parts, const protocol::SourceIdentity& identity, std::string session);

    /// The slot of an earlier attempt must be gone. Throws base::Error: transient for what goes
    /// away by itself, for a signal and for what the link says (the caller looks there), replica
    /// when the environment gave the copy up, source and config as everywhere.
    void run();

private:
    void copy(pq::Connection& replication, pq::Connection& maintenance);
    void open_snapshot(pq::Connection& connection, const std::string& snapshot) const;
    void lock_tables(pq::Connection& connection,
                     const std::vector<model::TableDefinition>& tables) const;
    void refuse_rewritten(pq::Connection& connection) const;
    protocol::CopyBegin inventory(pq::Connection& connection, const CreatedSlot& slot,
                                  bool exact_numbers) const;
    void await_phase(const std::string& wanted);
    std::vector<std::uint64_t> transfer(pq::Connection& connection,
                                        const protocol::CopyBegin& begin);
    void drop_slot_quietly(pq::Connection& maintenance) noexcept;
    void tell_who_is_in_the_way(pq::Connection& maintenance, int walsender);
    void pause() const;
    void say(const std::string& phase);
    bool going_on();

    Parts m_parts;
    SourceSettings m_source;  // the one server that the snapshot is of
    const protocol::SourceIdentity& m_identity;
    const std::string m_session;
    std::string m_copy_id;
    std::string m_phase = "creating";
    bool m_all_sent = false;  // the environment completes the copy by itself
    std::uint64_t m_bytes = 0;
    std::chrono::steady_clock::time_point m_next_line{};
};

}  // namespace ardent::agent
